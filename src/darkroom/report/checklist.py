"""The machine-learning reproducibility checklist (Pineau et al. 2020), filled from what the run wrote down."""

from darkroom.recipes import lookup
from darkroom.report.collect import Row, spell_settings


def checklist(row: Row) -> list[tuple[str, str]]:
    """Question and answer, for one row."""
    about, training = row.description, row.description["training"]
    settings = spell_settings(about["settings"])
    changed = spell_settings(row.changed)
    parameters = ", ".join(f"{network}: {count:,} trained numbers" for network, count in about["parameters"].items())
    evaluated = "; ".join(
        f"{evaluation['set']}: {evaluation['images']} images, {evaluation['degradation']}" for evaluation in about["evaluated"]
    )
    hours = [_training_seconds(row, position) for position in range(len(row.folders))]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return [
        ("Method and model", f"{lookup.find(row.recipe).__doc__.splitlines()[0]} {parameters}."),
        (
            "Training data",
            f"{training['set']}, {training['images']} images; {training['sample']}; {training['samples a step']} a step.",
        ),
        ("Degradation in training", training["degradation"]),
        ("Evaluation data", evaluated + "."),
        (
            "Split and exclusions",
            training.get("split", "Training and evaluated images are disjoint by name.")
            + " Nothing that was evaluated was left out.",
        ),
        *(("Remarks on the data", remark) for remark in training.get("remarks", ())),
        ("Checkpoint that was evaluated", "The weights after the last step; none was chosen by its score on evaluated images."),
        ("Hyper-parameters", settings),
        (
            "How they were chosen",
            "As the recipe's row gives them"
            + (f", except {changed}." if changed else ".")
            + " No search was made in this run.",
        ),
        ("Runs and seeds", f"{len(row.folders)} run(s), seed(s) {', '.join(map(str, row.seeds))}."),
        (
            "Error bars",
            "Standard deviation over seeds, in the table."
            if len(row.folders) > 1
            else "None: one seed. Run more with --seed 1, 2, …",
        ),
        *((f"Definition of {protocol.title}", protocol.definition) for protocol in row.protocols().values()),
        ("Training time", ", ".join(hours)),
        ("Computing infrastructure", f"{about['device']}, {about['devices']} process(es), precision {about['precision']}."),
        ("Software", versions),
        ("Command", about["command"]),
    ]


def _training_seconds(row: Row, position: int) -> str:
    seconds = row.folders[position].training_seconds()
    return f"{seconds / 60:.1f} minutes" if seconds is not None else "not finished"
