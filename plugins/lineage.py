"""Telling a lineage service what a stage has read and written, through Airflow's OpenLineage provider."""

from typing import Any


def report_lineage(outcome: Any) -> None:
    """Add the datasets of a closed stage to the run of the current task; nothing where no transport is configured.

    The provider sends START and COMPLETE of every task by itself, and knows no table of ours. This sends one event between
    the two, of the same run: tables and sources with their columns, rows read, rows written. A consumer adds up a run's events.

    A lineage service that does not answer is a warning in the task's log and changes nothing else.
    """
    from airflow.providers.openlineage import conf

    if conf.is_disabled():  # asked first: the client takes a moment to import
        return
    from airflow.providers.openlineage.api import emit_dataset_lineage

    from profiling.lineage import flow
    from profiling.settings import Settings

    inputs, outputs = flow(Settings.load(), outcome.stage, outcome.sources, outcome.written)
    emit_dataset_lineage(inputs=[_input(one) for one in inputs], outputs=[_output(one) for one in outputs])


def _input(dataset: Any) -> Any:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as quality

    counted: dict[str, Any] = {}
    if dataset.rows is not None:
        counted["dataQualityMetrics"] = quality.DataQualityMetricsInputDatasetFacet({}, rowCount=dataset.rows)
    return InputDataset(dataset.namespace, dataset.name, counted, facets=_facets(dataset.table))


def _output(dataset: Any) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted: dict[str, Any] = {}
    if dataset.rows is not None:
        counted["outputStatistics"] = statistics.OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows)
    return OutputDataset(dataset.namespace, dataset.name, counted, facets=_facets(dataset.table))


def _facets(table: Any) -> dict[str, Any]:
    """A table's columns and what one row of it is."""
    if table is None:
        return {}
    from openlineage.client.facet_v2 import documentation_dataset, schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(c.name, str(c.type), c.meaning) for c in table.columns]
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields),
        "documentation": documentation_dataset.DocumentationDatasetFacet(table.grain),
    }
