"""Heat maps: what is drawn, and what stands beside it."""

import json
from pathlib import Path

import numpy as np
import patchsweep
import pytest
import xarray as xr
from patchsweep.plots import GREY, RED_WHITE_BLUE
from programs import ROOT


@pytest.fixture
def ds(acronyms: patchsweep.Sweep) -> xr.Dataset:
    return acronyms.results()


def test_each_iteration_has_a_map_of_layers_and_heads(ds: xr.Dataset) -> None:
    figure = patchsweep.plot(ds["z"])
    assert len(figure.data) == 3
    for map_, effects in zip(figure.data, ds["z"]):
        np.testing.assert_array_equal(np.array(map_.z, dtype=np.float32), effects.values)
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == ["Iteration 0", "Iteration 1", "Iteration 2"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("head", "layer")
    assert figure.layout.coloraxis.colorbar.title.text == "effect"
    assert list(figure.layout.yaxis.ticktext) == ["0", "1", "2", "3"] and figure.layout.yaxis.autorange == "reversed"


def test_all_maps_share_a_range_around_zero_with_red_low_and_blue_high(ds: xr.Dataset) -> None:
    axis = patchsweep.plot(ds["z"]).layout.coloraxis
    largest = float(np.abs(ds["z"]).max())
    assert (axis.cmin, axis.cmax) == (-largest, largest)
    scale = {place: colour for place, colour in axis.colorscale}
    assert (scale[0.0], scale[0.5], scale[1.0]) == ("rgb(103, 0, 31)", "rgb(247, 247, 247)", "rgb(5, 48, 97)")
    assert patchsweep.plot(ds["z"], limit=3).layout.coloraxis.cmax == 3.0
    assert patchsweep.plot(ds["z"] * 0).layout.coloraxis.cmax == 1.0


def test_colours_are_those_of_the_report() -> None:
    text = (ROOT / "coordinator/results/src/colour.rs").read_text()
    for name in ("RED_WHITE_BLUE", "ORANGE_WHITE_PURPLE"):
        stops = text.split(f"pub const {name}: [[u8; 3]; 11] = ", 1)[1].split(";\n", 1)[0].replace(",\n]", "\n]")
        assert json.loads(stops) == [list(colour) for colour in getattr(patchsweep.plots, name)]
    assert len(RED_WHITE_BLUE) == 11


def test_tokens_stand_at_positions(ds: xr.Dataset) -> None:
    figure = patchsweep.plot(ds["resid_pre"])
    ticks = list(figure.layout.xaxis.ticktext)
    assert ticks[1:3] == ["1: 'The'", "2: ' Welder'"] and figure.layout.xaxis.title.text == "pos"
    assert "layer 1<br>pos 5: ' ('<br>-19.1" in figure.data[0].customdata[1][5]


def test_cells_without_a_number_are_grey_and_say_why(ds: xr.Dataset) -> None:
    figure = patchsweep.plot(ds["resid_pre"], status=ds["resid_pre.status"])
    first = figure.data[0]
    noops = ds["resid_pre.status"][0].values == 2
    assert [[number is None for number in row] for row in first.z] == noops.tolist()
    assert figure.layout.plot_bgcolor == GREY
    assert first.customdata[1][7].endswith("skipped as no-op")
    values = patchsweep.plot(ds["resid_pre.value"], status=ds["resid_pre.status"]).data[0]
    np.testing.assert_array_equal(np.array(values.z, dtype=np.float32), ds["resid_pre.value"][0].values)
    missing = ds["z"].where(ds["head"] != 2)
    assert patchsweep.plot(missing).data[0].z[0][2] is None
    assert patchsweep.plot(missing).data[0].customdata[0][2].endswith("no number")


def test_statuses_are_those_of_the_cells_that_were_chosen(ds: xr.Dataset) -> None:
    status = ds["resid_pre.status"]
    chosen = ds["resid_pre"].isel(iteration=[2], layer=[3, 1])
    figure = patchsweep.plot(chosen, status=status)
    noops = status.isel(iteration=2, layer=[3, 1]).values == 2
    assert [[number is None for number in row] for row in figure.data[0].z] == noops.tolist()
    assert not np.array_equal(noops, status.isel(iteration=0, layer=[0, 1]).values == 2)
    one = patchsweep.plot(ds["resid_pre"].isel(iteration=2, layer=3), status=status).data[0]
    assert [number is None for number in one.z[0]] == noops[0].tolist()
    with pytest.raises(ValueError, match="`status` is of other cells than the tensor: it has"):
        patchsweep.plot(ds["resid_pre"], status=ds["z.status"])
    with pytest.raises(ValueError, match="`status` lacks a layer of the tensor"):
        patchsweep.plot(ds["resid_pre"], status=status.isel(layer=[0, 1]))


def test_more_axes_have_more_maps_and_fewer_axes_fewer(ds: xr.Dataset) -> None:
    z = ds["z"].expand_dims(pos=[4, 5]).transpose("iteration", "layer", "pos", "head")
    figure = patchsweep.plot(z)
    assert len(figure.data) == 6
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles[:3] == ["Iteration 0, pos 4", "Iteration 0, pos 5", "Iteration 1, pos 4"]
    np.testing.assert_array_equal(np.array(figure.data[3].z, dtype=np.float32), ds["z"][1].values)
    assert len(patchsweep.plot(ds["z"].isel(iteration=0)).data) == 1
    one = patchsweep.plot(ds["clean"]).data
    assert len(one) == 1 and np.array(one[0].z).shape == (1, 3)
    with pytest.raises(ValueError, match="a single number is no heat map"):
        patchsweep.plot(ds["clean"][0])
    with pytest.raises(ValueError, match=r"90 maps are too many to look at; choose some, for instance .isel\(pos=0\)"):
        patchsweep.plot(ds["z"].expand_dims(pos=range(30)).transpose("iteration", "pos", "layer", "head"))


def test_where_sources_go_right_destinations_go_down() -> None:
    pattern = xr.DataArray(np.zeros((1, 2, 2, 3, 4)), dims=["iteration", "layer", "head", "dest_pos", "src_pos"], name="pattern")
    figure = patchsweep.plot(pattern)
    assert len(figure.data) == 4 and np.array(figure.data[0].z).shape == (3, 4)
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("dest_pos", "src_pos")


def test_estimates_have_colours_of_their_own(ds: xr.Dataset) -> None:
    figure = patchsweep.plot(ds["z"].rename("z.estimate"))
    assert figure.layout.coloraxis.colorscale[0][1] == "rgb(127, 59, 8)"
    assert figure.layout.coloraxis.colorbar.title.text == "estimate"
    statuses = xr.zeros_like(ds["z.status"])
    for head, status in enumerate([0, 2, 3, 5]):
        statuses.loc[{"head": head}] = status
    # Those that `verify` did not draw are what estimates are for; the others have none, as in the report.
    drawn = patchsweep.plot(ds["z"].rename("z.estimate"), status=statuses).data[0]
    assert [number is None for number in drawn.z[0]] == [False, True, True, False]
    assert drawn.customdata[0][3] == f"layer 0<br>head 3<br>{float(ds['z'][0, 0, 3]):.4f}"
    assert figure.layout.title.text == "z.estimate" and patchsweep.plot(ds["z"], title="Heads").layout.title.text == "Heads"
