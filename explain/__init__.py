"""Attribution: which parts of an image are evidence for a class, according to the network."""
