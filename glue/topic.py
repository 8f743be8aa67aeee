"""The SNS topic that alerts go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from config.site import Site
from glue.resource import Aspects, Change, Resource, code_of


@dataclass
class Topic(Resource):
    """A topic; who subscribes, and its policy, are not ours to decide."""

    kind = "topic"
    service = "sns"
    actions = ("sns:GetTopicAttributes", "sns:CreateTopic")

    @property
    def name(self) -> str:
        return self.site.settings.alerts.topic

    def wanted(self) -> Aspects:
        return {"arn": topic_arn(self.site)}

    def read(self) -> Aspects | None:
        try:
            answer = self.client.get_topic_attributes(TopicArn=topic_arn(self.site))
        except ClientError as error:
            if code_of(error) in ("NotFound", "NotFoundException"):
                return None
            raise
        return {"arn": answer["Attributes"]["TopicArn"]}

    def create(self) -> None:
        self.client.create_topic(Name=self.name)

    def change(self, changes: Sequence[Change]) -> None:
        raise AssertionError("a topic found by its arn has that arn")


def topic_arn(site: Site) -> str:
    """The topic's ARN, known without asking: names are unique in account and region."""
    region = site.settings.region
    partition = site.session.get_partition_for_region(region)
    return f"arn:{partition}:sns:{region}:{site.account}:{site.settings.alerts.topic}"
