"""What is kept, and told, of a run that failed: a file below the data root, and a message to a webhook."""

from gsv_pipeline.incidents.incident import Failed, Incident, message_of, write_incident
from gsv_pipeline.incidents.secrets import without_secrets
from gsv_pipeline.incidents.webhook import WEBHOOK_VARIABLE, post

__all__ = ["WEBHOOK_VARIABLE", "Failed", "Incident", "message_of", "post", "without_secrets", "write_incident"]
