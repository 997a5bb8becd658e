"""What the hooks of type and colour have in common: one lock each, and wrappers that hide the name."""

import inspect
import os

# Labels tell functions apart; only what lies below the packages' folder is kept of a path.
PACKAGES = ("matplotlib", "mpl_toolkits", "matplotlib_venn", "networkx", "squarify")


def place(func):
    """The file that holds the code of a function, from its package on."""
    parts = func.__code__.co_filename.split(os.sep)
    starts = [i for i, part in enumerate(parts) if part in PACKAGES]
    return "/".join(parts[starts[0] :]) if starts else parts[-1]


class Lock:
    """Only the outermost hooked call is noted. The benchmark never opens a lock that an exception has left
    closed, so it is blind from then on; that is one of the accidents that `fixed` leaves out."""

    def __init__(self, fixed):
        self.fixed = fixed
        self.closed = False

    def wrap(self, func, before=None, after=None):
        """A function in place of `func`: `before(args)` and `after(result, args, kwargs)` note the call."""

        def wrapper(*args, **kwargs):
            if self.closed:
                return func(*args, **kwargs)
            self.closed = True
            try:
                if before is not None:
                    before(args)
                result = func(*args, **kwargs)
                if after is not None:
                    after(result, args, kwargs)
            except BaseException:
                self.closed = not self.fixed
                raise
            self.closed = False
            return result

        if self.fixed:
            # seaborn asks for the name of the drawing method and finds no default colour under another one.
            wrapper.__name__ = func.__name__
        return wrapper


def with_parameters(wrapper, func, names):
    """Holds a wrapper to the named parameters; networkx reads them to share keywords out."""
    full = inspect.signature(func)
    signature = full.replace(parameters=[p for p in full.parameters.values() if p.name in names])

    def held(*args, **kwargs):
        signature.bind(*args, **kwargs)  # a TypeError here leaves the lock alone
        return wrapper(*args, **kwargs)

    held.__name__ = wrapper.__name__
    held.__signature__ = signature
    return held


# The parameters that networkx 3.2 knows, the last version that the benchmark was written for.
NETWORKX = {
    "draw_networkx_nodes": (
        "G pos nodelist node_size node_color node_shape alpha cmap vmin vmax ax linewidths edgecolors label margins"
    ).split(),
    "draw_networkx_edges": (
        "G pos edgelist width edge_color style alpha arrowstyle arrowsize edge_cmap edge_vmin edge_vmax ax arrows"
        " label node_size nodelist node_shape connectionstyle min_source_margin min_target_margin"
    ).split(),
    "draw_networkx_labels": (
        "G pos labels font_size font_color font_family font_weight alpha bbox horizontalalignment"
        " verticalalignment ax clip_on"
    ).split(),
}
