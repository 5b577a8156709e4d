# SPDX-License-Identifier: Apache-2.0
"""``hepacast run``: from a study file to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED

if TYPE_CHECKING:
    from hepacast.run.work.execution import Execution

_ON = "local, listen, slurm, tls://host:8786 or a scheduler file; --workers counts its workers."


@click.command("run")
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for results.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; all cores.")
@click.option("--on", metavar="WHERE", help=f"Work on a Dask cluster: {_ON}")
@click.option("--memory", help="Limit of every worker of --on, such as 4GB.")
@click.option("--queue", help="SLURM partition of --on slurm.")
@click.option("--walltime", help="SLURM limit of every job of --on slurm, hh:mm:ss.")
@click.option("--certificates", help="Folder with the certificates of a scheduler of --on.")
@click.option("--shard", metavar="K/N", help="Do only share K of N; then run once without it.")
@click.option("--rehash", is_flag=True, help="Read every image again, whatever its time stamp.")
@click.option("--retry-failed", "retry", is_flag=True, help="Try again what failed before.")
@click.option("--sign", type=click.Path(path_type=Path), help="Key to sign the predictor with.")
def command(
    study: Path,
    out: Path,
    sign: Path | None,
    **options: Any,  # noqa: ANN401 - click's options
) -> int:
    """Run STUDY and write its report, lock file and tables to --out."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.whole import run_study  # noqa: PLC0415 - loaded on call
    from hepacast.run.work.shard import SharesLeftError  # noqa: PLC0415 - loaded on call

    if sign is not None:
        from hepacast.run.predictor.seal import read_secret  # noqa: PLC0415 - loaded on call

        read_secret(sign)
    execution = _execution(**options)
    try:
        with progress() as listener:
            finished = run_study(study, out, execution=execution, on_event=listener)
    except SharesLeftError as left:
        click.echo(str(left))
        return EXIT_FINE
    for line in finished.summary:
        click.echo(line)
    click.echo(f"report: {finished.report}")
    if sign is not None:
        _sign(out, sign)
    return EXIT_SOME_FAILED if finished.failures else EXIT_FINE


def _sign(out: Path, key: Path) -> None:
    """Sign the predictor of a finished run."""
    from hepacast.run.predictor.deploy import FOLDER  # noqa: PLC0415 - loaded on call
    from hepacast.run.predictor.sign import sign_predictor  # noqa: PLC0415 - the same

    click.echo(f"signed: {out / FOLDER}; fingerprint {sign_predictor(out / FOLDER, key)}")


def _execution(
    *,
    workers: int | None,
    on: str | None,
    shard: str | None,
    rehash: bool,
    retry: bool,
    **at: str | None,
) -> Execution:
    """Read the options that say where to work."""
    from hepacast.run.work.cluster import ClusterParams  # noqa: PLC0415 - loaded on call
    from hepacast.run.work.execution import Execution  # noqa: PLC0415 - loaded on call
    from hepacast.run.work.shard import Shard  # noqa: PLC0415 - loaded on call

    cluster = None
    if on is not None:
        named = on in ("local", "listen", "slurm")
        place = {"kind": on} if named else {"kind": "scheduler", "scheduler": on}
        wanted = {**place, **at, "workers": workers}
        given = {name: value for name, value in wanted.items() if value is not None}
        cluster = ClusterParams.model_validate(given)
    share = None if shard is None else Shard.parse(shard)
    return Execution(workers, cluster, share, rehash=rehash, retry=retry)
