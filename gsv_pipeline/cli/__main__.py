"""`python -m gsv_pipeline.cli`."""

from gsv_pipeline.cli import main

main()
