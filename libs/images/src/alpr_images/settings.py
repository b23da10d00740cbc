"""Where evidence images are: one place for everybody who reads or writes them."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_images.addresses import bare_address
from alpr_images.store import ImageStore, open_bucket, open_image_store


class ImagesSettings(BaseSettings):
    """The object store: ALPR_IMAGES_URL and so on.

    Attributes:
        url: s3://bucket, s3://bucket/prefix or file:///folder; it holds no password.
        endpoint: of a store that is not Amazon's, as https://store.example:9000.
        region: which Amazon's bucket is in.
        credentials_file: a mounted Secret in the form of AWS's credentials file, read again when it changes; left out,
            what AWS's own variables and services say.
    """

    model_config = SettingsConfigDict(env_prefix="ALPR_IMAGES_", frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    endpoint: str | None = None
    region: str = "us-east-1"
    credentials_file: Path | None = None

    _bare = field_validator("url", "endpoint")(bare_address)

    def open(self, *, answer_within_s: float = 30.0) -> ImageStore:
        """The store itself; `answer_within_s` is what one request to a bucket may take."""
        if not self.url.startswith("s3://"):
            return open_image_store(self.url)
        return open_bucket(
            self.url,
            endpoint=self.endpoint,
            region=self.region,
            credentials_file=self.credentials_file,
            answer_within_s=answer_within_s,
        )
