"""SimSiam as a LightningModule, its callbacks, and the worker that a job runs."""
