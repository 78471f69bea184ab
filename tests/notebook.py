"""Runs the code of docs/notebook.ipynb as Jupyter would, without Jupyter.

`python -m tests.notebook` writes its outputs into it, from results/smoke. With a
folder, the code runs there, and the notebook is printed.
"""

import ast
import base64
import contextlib
import io
import os
import sys

import matplotlib
import nbformat
from matplotlib import pyplot
from nbformat.v4 import new_output

from tests.conftest import ROOT

FILE = ROOT / "docs/notebook.ipynb"


def executed(notebook):
    """The same notebook, each code cell with what it prints, shows and draws."""
    names, cells = {}, [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, start=1):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            value = _value(cell.source, names)
        cell.execution_count, cell.outputs = count, []
        if text := said.getvalue():
            cell.outputs.append(new_output("stream", name="stdout", text=text))
        if value is not None:
            shown = {"text/plain": repr(value)}
            if hasattr(value, "_repr_html_"):
                shown["text/html"] = value._repr_html_()
            result = new_output("execute_result", shown, execution_count=count)
            cell.outputs.append(result)
        cell.outputs += [_picture(number) for number in pyplot.get_fignums()]
        pyplot.close("all")
    return notebook


def _value(source, names):
    """Of the expression that a cell ends with, if it does."""
    *body, last = ast.parse(source).body
    ends = isinstance(last, ast.Expr)
    tree = ast.Module(body if ends else [*body, last], type_ignores=[])
    exec(compile(tree, "<cell>", "exec"), names)
    if ends:
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return None


def _picture(number):
    buffer = io.BytesIO()
    pyplot.figure(number).savefig(buffer, dpi=72, bbox_inches="tight")
    content = base64.b64encode(buffer.getvalue()).decode()
    return new_output("display_data", {"image/png": content})


def texts(notebook):
    """What each output says, cell by cell; None of a picture."""
    return [
        [o.get("text") or o.data.get("text/plain") for o in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


if __name__ == "__main__":
    matplotlib.use("agg")
    os.environ["COLUMNS"] = "80"  # pandas cuts tables to the terminal's width
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else FILE.parent)
    done = executed(nbformat.read(FILE, as_version=4))
    nbformat.validate(done)
    if len(sys.argv) > 1:
        print(nbformat.writes(done))
    else:
        nbformat.write(done, FILE)
