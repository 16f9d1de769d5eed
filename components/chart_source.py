"""Whether a Helm chart can be had from where the settings say."""

from __future__ import annotations

from pathlib import Path

import requests

_SECONDS = 15.0


def problem(chart: str, repository: str) -> str:
    """Why the chart cannot be had; empty when it can, or when only Helm can tell (``oci://``).

    Args:
        chart: name in the repository, or path of a chart archive or folder where there is no repository.
        repository: URL of a Helm repository; its ``index.yaml`` is asked for (helm.sh/docs/topics/chart_repository).
    """
    if chart.startswith("oci://") or repository.startswith("oci://"):
        return ""
    if not repository:
        return "" if Path(chart).exists() else f"there is no chart {chart} (monitoringChart)"
    try:
        with requests.get(f"{repository.rstrip('/')}/index.yaml", timeout=_SECONDS, stream=True) as answer:
            answer.raise_for_status()
    except requests.HTTPError as error:
        return f"the chart repository {repository} answers {error.response.status_code}"
    except (requests.RequestException, ValueError) as error:
        return f"the chart repository {repository} (monitoringChartRepository) cannot be reached: {_cause(error)}"
    return ""


def _cause(error: BaseException) -> str:
    """What the innermost exception says: the whole chain of the client's own is a paragraph."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__
