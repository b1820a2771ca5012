"""Attribution: which parts of a picture speak for a class, according to the network."""
