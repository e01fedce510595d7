"""The page: gradio and plotly live here and nowhere else."""
