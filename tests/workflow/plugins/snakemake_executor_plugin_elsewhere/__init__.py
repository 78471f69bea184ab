"""A Snakemake executor whose jobs have nothing of the project's folder.

Each job runs in an empty folder of its own, as a pod does: its sources and its files
come from the storage, and what it leaves is what it stored.
"""

import os
import subprocess
import tempfile

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(RemoteExecutor):
    """Jobs are processes, each in a new folder."""

    def run_job(self, job):
        folder = tempfile.mkdtemp(prefix=f"pod-{job.name}-", dir=os.environ["PODS"])
        with open(f"{folder}.log", "w") as log:
            process = subprocess.Popen(
                ["bash", "-c", self.format_job_exec(job)],
                cwd=folder,
                env=os.environ | self.envvars(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        info = SubmittedJobInfo(job, external_jobid=str(process.pid))
        info.aux = {"process": process}
        self.report_job_submission(info)

    async def check_active_jobs(self, active_jobs):
        for info in active_jobs:
            code = info.aux["process"].poll()
            if code is None:
                yield info
            elif code == 0:
                self.report_job_success(info)
            else:
                self.report_job_error(info)

    def cancel_jobs(self, active_jobs):
        for info in active_jobs:
            info.aux["process"].terminate()
