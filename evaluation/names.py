"""The figures' names and what each says, in plain words: one table for the screen, the report and the command line."""

FIGURES: dict[str, tuple[str, str]] = {
    "sensitivity": ("Sensitivity", "of the images with this diagnosis, the share that is decided for it"),
    "specificity": ("Specificity", "of the images without this diagnosis, the share that is not decided for it"),
    "ppv": ("PPV", "of the decisions for this class, the share that is right (on this dataset's mix)"),
    "npv": ("NPV", "of the decisions against this class, the share that is right (on this dataset's mix)"),
    "auc": ("AUC", "how well the score ranks this class above the others, whatever the decision"),
    "auc_sens_80": ("AUC, sensitivity > 80 %", "the part of the area under the ROC curve where at least 80 % are found"),
    "average_precision": ("Average precision", "mean PPV over all thresholds; always guessing gives the prevalence"),
    "accuracy": ("Accuracy", "of all images, the share decided rightly for or against this class"),
    "f1": ("F1 (Dice)", "harmonic mean of sensitivity and PPV"),
    "f_beta": ("F-β", "the same mean with sensitivity weighing β times as much"),
    "prevalence": ("Prevalence", "share of the images with this diagnosis, here"),
    "ppv_at_prevalence": ("PPV at the set prevalence", "where so many people have it; sensitivity and specificity taken to stay"),
    "npv_at_prevalence": ("NPV at the set prevalence", "where so many people have it; sensitivity and specificity taken to stay"),
}
