"""CrossGuard policy pack: the rules of ``rules.py`` over every resource of a preview or an update."""

import rules
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)


def _policy(rule: rules.Rule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith("kubernetes:") and "kind" in args.props:
            for line in rule(args.props):
                report(line, None)

    return ResourceValidationPolicy(
        name=rule.__name__.replace("_", "-"),
        description=(rule.__doc__ or "").strip(),
        enforcement_level=EnforcementLevel.MANDATORY,
        validate=validate,
    )


PolicyPack(
    name="query-engine-reliability",
    policies=[_policy(rule) for rule in (*rules.FOR_ALL, *rules.FOR_OWN)],
)
