"""`module:function` of an experiment: where it is looked for, how it is called, and each way in which it goes wrong."""

import sys

import pytest
import torch
from torch import nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.callables import build_external, check_external
from gsv_pipeline.models.module_file import find_module

IMAGES = torch.linspace(-1, 2, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
PLAIN = "def describe(images):\n    return images.flatten(1)[:, :5]\n"
NETWORK = """from torch import nn

class Network(nn.Module):
    def __init__(self, size=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(size))

    def forward(self, images):
        return self.layers(images)

    @classmethod
    def small(cls, size):
        return cls(size)
"""


@pytest.fixture
def write(tmp_path):
    """Write files below a folder and return it."""

    def write_files(folder="first", **files):
        for name, text in files.items():
            path = tmp_path / folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / folder

    return write_files


def test_a_plain_function_gets_the_images_and_its_answer_becomes_unit_rows(write):
    model = build_external("mine:describe", None, folders=[write(mine=PLAIN)])
    found = model(IMAGES)
    expected = IMAGES.flatten(1)[:, :5]
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True))
    assert model.out_dim == 5
    assert not model.training


def test_a_factory_is_called_with_its_arguments_and_a_module_moves_with_the_model(write):
    model = build_external("mine:Network.small", {"size": 6}, folders=[write(mine=NETWORK)])
    assert model(IMAGES).shape == (2, 6)
    assert isinstance(model.describe, nn.Module)
    assert model.describe in list(model.children())
    torch.testing.assert_close(model(IMAGES), model(IMAGES))  # in eval mode the dropout is off


def test_the_first_folder_goes_before_the_second_and_both_before_what_is_installed(write):
    first = write("first", both="def describe(images):\n    return images.flatten(1)[:, :1] + 9\n")
    second = write("second", both=PLAIN, colorsys=PLAIN)
    assert build_external("both:describe", None, folders=[first, second])(IMAGES).shape == (2, 1)
    assert build_external("both:describe", None, folders=[second, first])(IMAGES).shape == (2, 5)
    assert find_module("colorsys:describe", [first, second]).file == second / "colorsys.py"
    installed = find_module("json.decoder:JSONDecoder", [first, second])
    assert (installed.is_own, installed.file.name) == (False, "decoder.py")


def test_a_package_imports_its_neighbours_and_nothing_of_it_stays(write):
    folder = write(
        parts__net="from parts.layers import cut\nimport beside\n\ndef describe(images):\n    return cut(images)\n",
        parts__layers="def cut(images):\n    return images.flatten(1)[:, :3]\n",
        beside="",
    )
    path, before = list(sys.path), set(sys.modules)
    assert build_external("parts.net:describe", None, folders=[folder])(IMAGES).shape == (2, 3)
    assert sys.path == path
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("parts", "beside")}
    assert not list(folder.rglob("__pycache__"))


def test_an_edited_file_is_what_it_says_now(write):
    folder = write(mine=PLAIN)
    assert build_external("mine:describe", None, folders=[folder])(IMAGES).shape == (2, 5)
    write(mine=PLAIN.replace("5", "7"))  # as long as before and within the same second
    assert build_external("mine:describe", None, folders=[folder])(IMAGES).shape == (2, 7)


WRONG = {
    "no module": ("absent:f", None, r"there is no module 'absent' in .*first.* Put absent.py into the first"),
    "no submodule": ("mine.sub:f", None, r"there is no module 'mine.sub'"),
    "no function": ("mine:descripe", None, r"Unknown function 'descripe'. Did you mean 'describe'\?"),
    "no function inside": ("mine:describe.it", None, "Unknown function 'describe.it'"),
    "no callable": ("mine:NUMBER", None, "is a int; expected a function of images, or a torch module"),
    "a class": ("mine:Kind", None, r"is a class. Say what it is built with: arguments: {} for nothing"),
    "a factory": ("mine:factory", None, r"with arguments: {} in the experiment it is called first"),
    "an argument too many": ("mine:factory", {"a": 1}, r"unexpected keyword argument 'a'; arguments: in the"),
    "an argument too few": ("mine:needy", {}, r"missing a required argument: 'size'"),
    "cannot be built": ("mine:broken", {}, r"failed when it was built: RuntimeError: out of ideas"),
    "builds nothing": ("mine:Kind.nothing", {}, r"was built with arguments and returned a NoneType"),
    "cannot be imported": ("faulty:f", None, r"faulty.py cannot be imported: ModuleNotFoundError: .*'no_such_thing'"),
    "no Python": ("tilted:f", None, r"tilted.py cannot be imported: SyntaxError"),
    "a taken name": ("torch:f", None, r"the name 'torch' is taken by .*site-packages.*Rename"),
}


@pytest.mark.parametrize(("reference", "arguments", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(write, reference, arguments, said):
    folder = write(
        mine=f"{PLAIN}\nNUMBER = 3\n\ndef factory():\n    return describe\n\ndef needy(size):\n    return size\n\n"
        "def broken():\n    raise RuntimeError('out of ideas')\n\n"
        "class Kind:\n    @staticmethod\n    def nothing():\n        return None\n",
        faulty="import no_such_thing\n",
        tilted="def f(:\n",
        torch="",
    )
    with pytest.raises(ConfigError, match=said):
        build_external(reference, arguments, folders=[folder])


def test_a_check_calls_nothing(write):
    folder = write(mine="def broken():\n    raise RuntimeError('called')\n")
    check_external("mine:broken", {}, folders=[folder])
    with pytest.raises(ConfigError, match="Unknown function"):
        check_external("mine:other", {}, folders=[folder])
