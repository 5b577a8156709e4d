# SPDX-License-Identifier: Apache-2.0
"""``hepacast reliability``: which features survive another scan and another contour."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("reliability")
@click.argument("cases", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--params",
    "-p",
    type=click.Path(path_type=Path, exists=True),
    help="File of settings; its section 'reliability:' says how repetitions are imitated.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("reliability.csv"),
    show_default=True,
    help="A .csv or .parquet file.",
)
@click.option(
    "--retest", is_flag=True, help="Compare rows of one ID: two scans, or two readers' masks."
)
@click.option("--copies", type=click.IntRange(2), help="Imitated measurements of every case.")
@click.option("--seed", type=click.IntRange(0), help="Source of chance.")
def command(
    cases: Path,
    params: Path | None,
    out: Path,
    retest: bool,  # noqa: FBT001 - click's flag
    copies: int | None,
    seed: int | None,
) -> int:
    """Tell how well repeated measurements of CASES agree, feature by feature.

    CASES is a CSV with the columns Image and Mask (and ID, Label).  Image and contour of every
    case are varied, or with --retest rows of one ID are compared; the table has an intraclass
    correlation with its confidence limits for every feature.  A run that was stopped goes on
    where it was.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.extraction.extract_many import read_jobs, write_rows  # noqa: PLC0415 - loaded on call
    from hepacast.run.extraction.reliability import repeat_settings  # noqa: PLC0415 - loaded on call
    from hepacast.run.extraction.reliability_many import (  # noqa: PLC0415 - loaded on call
        RepeatPlan,
        reliability_jobs,
        reliability_rows,
    )

    asked = {"copies": copies, "seed": seed}
    repeat = repeat_settings(params).model_copy(
        update={name: value for name, value in asked.items() if value is not None}
    )
    plan = RepeatPlan(params, out.with_name(f"{out.name}.cases"), repeat, retest)
    with progress() as listener:
        table, failed = reliability_jobs(read_jobs(cases), plan, on_event=listener)
    write_rows(reliability_rows(table), out)
    good = sum(one.reliable for one in table)
    limit = f"lower limit above {repeat.icc_min:g}"
    click.echo(f"{good} of {len(table)} features are reliable ({limit}); {out}")
    return EXIT_SOME_FAILED if failed else EXIT_FINE
