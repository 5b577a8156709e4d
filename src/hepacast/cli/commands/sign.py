# SPDX-License-Identifier: Apache-2.0
"""``hepacast sign``: vouch for a predictor, or see who does."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE


@click.command("sign")
@click.argument("predictor", type=click.Path(path_type=Path), required=False)
@click.option("--key", type=click.Path(path_type=Path), help="Private key to sign with.")
@click.option("--check", type=click.Path(path_type=Path), help="Public key that must have signed.")
@click.option(
    "--new-key", type=click.Path(path_type=Path), metavar="FILE", help="Make a key, and end."
)
def command(
    predictor: Path | None, key: Path | None, check: Path | None, new_key: Path | None
) -> int:
    """Sign PREDICTOR with --key, or check with --check that the owner of a key has.

    The signature is of the digests of all files. Whoever serves the predictor names the
    public key, and then no other predictor is read in its place.
    """
    from hepacast.run.predictor import seal  # noqa: PLC0415 - loaded on call

    if new_key is not None:
        public = seal.new_key(new_key)
        click.echo(f"key: {new_key} (keep it); public key: {public} (hand it on)")
        return EXIT_FINE
    if predictor is None or (key is None) == (check is None):
        what = "PREDICTOR and either --key or --check are needed"
        raise click.UsageError(what)
    if key is not None:
        from hepacast.run.predictor.sign import sign_predictor  # noqa: PLC0415 - loaded on call

        click.echo(f"signed; fingerprint {sign_predictor(predictor, key)}")
        return EXIT_FINE
    from hepacast.run.predictor.files import read_predictor  # noqa: PLC0415 - loaded on call

    read_predictor(predictor, signed_by=check)
    assert check is not None  # noqa: S101 - one of the two is there
    click.echo(f"as it was signed; fingerprint {seal.fingerprint(seal.read_public(check))}")
    return EXIT_FINE
