"""Grid cells of the current figure's axes (docs/specs/chartmimic.md, 8)."""

LEAKED = "sys warnings".split()


def cells(namespace, graph):
    """The cell of every axes that has one. `plt` is the script's own name; without it the benchmark fails."""
    found = {}
    for axes in namespace["plt"].gcf().axes:
        if graph:
            found[axes] = (1, 1, 0, 1, 0, 1)
            continue
        spec = axes.get_subplotspec()
        if spec is not None:
            rows, columns = spec.rowspan, spec.colspan
            grid = spec.get_gridspec().get_geometry()
            found[axes] = (*grid, rows.start, rows.stop - 1, columns.start, columns.stop - 1)
    return [[int(number) for number in cell] for cell in found.values()]
