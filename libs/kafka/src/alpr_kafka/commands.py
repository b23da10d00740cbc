"""`alpr topics` and `alpr schemas`: what Kafka and the registry must have before the first event."""

from __future__ import annotations

import click

from alpr_kafka.errors import KafkaKitError
from alpr_kafka.settings import KafkaSettings, RegistrySettings


@click.group()
def topics() -> None:
    """Kafka's topics: list them as they shall be, and make them so."""


@topics.command("list")
def list_topics() -> None:
    """Show the topics as they shall be; asks nobody."""
    from alpr_kafka.topics import ALL

    for topic in ALL:
        click.echo(f"{topic.name:24} {topic.partitions} partitions, kept for {topic.kept_for}")


@topics.command("apply")
@click.option("--copies", default=1, show_default=True, help="Replicas of each partition; three in production.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def apply_topics(*, copies: int, dry_run: bool) -> None:
    """Make missing topics, add partitions, set retention. Reads KAFKA_BOOTSTRAP_SERVERS and its like."""
    from alpr_kafka.topics import apply

    try:
        changes = apply(KafkaSettings(), copies=copies, dry_run=dry_run)
    except KafkaKitError as e:
        raise click.ClickException(str(e)) from e
    for change in changes:
        click.echo(f"{change.topic}: {change.what}")
    if not changes:
        click.echo("All topics are as they shall be.")


@click.group()
def schemas() -> None:
    """The events' Avro schemas in the registry."""


@schemas.command("register")
def register_schemas() -> None:
    """Demand BACKWARD compatibility and register our schemas. Reads SCHEMA_REGISTRY_URL."""
    from alpr_kafka.registry import Registry, subject_of
    from alpr_schemas import codec

    try:
        with Registry(RegistrySettings()) as registry:
            for topic in codec.TOPICS:
                registry.demand_level(topic)
                click.echo(f"{subject_of(topic)}: id {registry.id_of(topic, codec.definition(topic))}")
    except KafkaKitError as e:
        raise click.ClickException(str(e)) from e


@schemas.command("check")
def check_schemas() -> None:
    """Say whether our schemas may follow the registered ones; exit 1 where one may not."""
    from alpr_kafka.registry import Registry, subject_of
    from alpr_schemas import codec

    try:
        with Registry(RegistrySettings()) as registry:
            wrong = [topic for topic in codec.TOPICS if not registry.fits(topic, codec.definition(topic))]
    except KafkaKitError as e:
        raise click.ClickException(str(e)) from e
    for topic in wrong:
        click.echo(f"{subject_of(topic)}: not compatible with the registered schema", err=True)
    if wrong:
        raise SystemExit(1)
    click.echo("All schemas may follow the registered ones.")
