"""Training TransLocator and its family: `views` makes batches of training sets, with augmentation."""
