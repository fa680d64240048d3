"""LocalExecutor whose tasks need not import what every stage imports: Great Expectations alone takes 3.5 s of a core.

Airflow's scheduler forks the executor's workers when it starts, and each worker forks its tasks; what the scheduler has imported
by then, all of them have. Only importing is done before the forks: nothing of it is called, so no thread pool of Arrow's
or Delta's is begun, which would not live on in a child. Where Airflow spawns processes (macOS) nothing is gained or done.

Not a plugin that Airflow loads by itself (`.airflowignore`): `AIRFLOW__CORE__EXECUTOR=preloading.PreloadingExecutor` names it.
"""

from airflow.executors.local_executor import LocalExecutor


class PreloadingExecutor(LocalExecutor):
    """As LocalExecutor, after the imports."""

    def start(self) -> None:
        if self.is_mp_using_fork:
            import profiling.stages  # noqa: F401, I001  first: it sets how deltalake's allocator behaves
            import deltalake  # noqa: F401
            import great_expectations  # noqa: F401
        super().start()
