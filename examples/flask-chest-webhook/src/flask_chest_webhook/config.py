"""The fields of an entry of CHEST_EXPORTERS."""

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr


class WebhookConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)  # a misspelt field stops init_app

    url: HttpUrl
    token: SecretStr | None = None
    retries: int = Field(default=2, ge=0, le=4)
    # With the maxima, all attempts together stay below CHEST_EXPORT_TIMEOUT_SECONDS by default.
    connect_timeout_seconds: float = Field(default=3.0, gt=0, le=5)
    timeout_seconds: float = Field(default=10.0, gt=0, le=15)
