"""SimSiam as a LightningModule, its callbacks, and the worker process of a training job."""
