"""Data sets of images to test on: where to get them or to ask, and the command that says where they lie."""

from typing import Final

from gsv_pipeline.sources.rows import BENCHMARK_IMAGES, Dataset

_IN_PLACE: Final = "They are used where they lie"
_LISTS: Final = " (and lists=/gsv-cities/datasets for the lists of gsv-cities, where these are not beside them)"
_FORMATTED: Final = (
    "format them with https://github.com/gmberton/VPR-datasets-downloader (it moves what you give it: keep a copy)"
)
_VPR_BENCH: Final = "VPR-Bench shares them at https://surfdrive.surf.nl/files/index.php/s/sbZRXzYe3l0v67W."
_AMSTERTIME: Final = "https://data.4tu.nl/ndownloader/items/d2ee2551-986a-46bc-8540-b43f5b01ec4d/versions/4"
_PITTSBURGH: Final = (
    "Ask the authors of NetVLAD (https://www.di.ens.fr/willow/research/netvlad/); the images are at "
    "https://data.ciirc.cvut.cz/public/projects/2015netVLAD/Pittsburgh250k/."
)


def _folder(name: str, description: str, *, licence: str, how: str, lists: bool = False) -> Dataset:
    """Images that a person has to ask for, or to put together, and that are used where they lie."""
    told = (
        f"{how} {_IN_PLACE}: gsv-pipeline fetch {name} --source folder path=/where/they/are{_LISTS if lists else ''}."
    )
    return Dataset(
        source="folder",
        description=description,
        licence=licence,
        how_to_get=told,
        layout=BENCHMARK_IMAGES,
    )


def _archive(name: str, description: str, *, licence: str, url: str, how: str) -> Dataset:
    """Images behind an address that is open to everybody."""
    return Dataset(
        source="archive",
        description=description,
        licence=licence,
        arguments={"url": url},
        how_to_get=f"{how} With a copy on this machine: gsv-pipeline fetch {name} --source folder path=/where/it/is.",
        layout=BENCHMARK_IMAGES,
    )


BENCHMARK_DATASETS: Final = {
    "pitts30k": _folder(
        "pitts30k",
        "Pitts30k: crops of street panoramas of Pittsburgh.",
        licence="for research; from the authors of NetVLAD",
        how=_PITTSBURGH,
        lists=True,
    ),
    "pitts250k": _folder(
        "pitts250k",
        "Pitts250k: the whole of which Pitts30k is a part.",
        licence="for research; from the authors of NetVLAD",
        how=_PITTSBURGH,
        lists=True,
    ),
    "msls": _folder(
        "msls",
        "Mapillary Street-Level Sequences: cities of its validation and test.",
        licence="for academic research, after a login at Mapillary",
        how="Get them at https://www.mapillary.com/dataset/places (log in, accept the terms; take the patch v1.1 too).",
        lists=True,
    ),
    "nordland": _folder(
        "nordland",
        "Nordland in the selection of VPR-Bench: 27,592 winter frames, every tenth one of summer.",
        licence="Creative Commons, as NRK is quoted in Patch-NetVLAD's issue 57; the terms are NRK's",
        how=_VPR_BENCH,
        lists=True,
    ),
    "nordland_wide": _folder(
        "nordland_wide",
        "Nordland in the selection of Patch-NetVLAD: 27,592 frames of summer and of winter.",
        licence="Creative Commons, as NRK is quoted in Patch-NetVLAD's issue 57; the terms are NRK's",
        how=f"Get summer and winter of Nordland and {_FORMATTED}.",
    ),
    "sped": _archive(
        "sped",
        "SPED in the selection of VPR-Bench: 607 pairs of views of surveillance cameras.",
        licence="not stated by VPR-Bench, which passes it on; ask the authors of the images",
        url="https://surfdrive.surf.nl/files/index.php/s/sbZRXzYe3l0v67W/download?path=%2F&files=SPEDTEST.zip",
        how=f"{_VPR_BENCH} gsv-pipeline fetch sped downloads SPEDTEST.zip from there.",
    ),
    "essex3in1": _folder(
        "essex3in1",
        "ESSEX3IN1: 210 pairs of views of a campus and its town.",
        licence="not stated by VPR-Bench, which passes it on; ask the authors of the images",
        how=_VPR_BENCH,
        lists=True,
    ),
    "cross_season": _folder(
        "cross_season",
        "CrossSeason: 191 views of a drive in two seasons.",
        licence="not stated by VPR-Bench, which passes it on; ask the authors of the images",
        how=_VPR_BENCH,
        lists=True,
    ),
    "inria_holidays": _folder(
        "inria_holidays",
        "Inria Holidays in the selection of VPR-Bench: 512 snapshots and 300 queries.",
        licence="not stated by VPR-Bench, which passes it on; ask the authors of the images",
        how=_VPR_BENCH,
        lists=True,
    ),
    "tokyo247": _folder(
        "tokyo247",
        "Tokyo 24/7: telephone photographs and crops of street panoramas.",
        licence="for research; the database on request",
        how="Ask the authors for the database (http://www.ok.ctrl.titech.ac.jp/~torii/project/247/); the queries are "
        "open: https://data.ciirc.cvut.cz/public/projects/2015netVLAD/Tokyo247/queries/247query_subset_v2.zip. Then "
        f"{_FORMATTED}.",
    ),
    "sf_xl": _folder(
        "sf_xl",
        "San Francisco eXtra Large: its validation split and test database.",
        licence="as its authors' form states",
        how="Fill in the form of its authors, https://forms.gle/wpyDzhDyoWLQygAT9.",
    ),
    "eynsham": _folder(
        "eynsham",
        "Eynsham: a loop near Oxford, driven twice.",
        licence="not known to this project; see https://zenodo.org/record/1243106",
        how=f"Get them at https://zenodo.org/record/1243106 and {_FORMATTED}.",
    ),
    "st_lucia": _folder(
        "st_lucia",
        "St Lucia: a suburb of Brisbane, driven through ten times.",
        licence="not known to this project; see https://github.com/arrenglover/openfabmap/wiki/Datasets",
        how=f"Get the films at https://github.com/arrenglover/openfabmap/wiki/Datasets and {_FORMATTED}.",
    ),
    "svox": _folder(
        "svox",
        "SVOX: Oxford at night and in sun, rain, snow and overcast weather.",
        licence="not known to this project; see https://arxiv.org/abs/2010.06897",
        how="Get svox.zip at https://drive.google.com/file/d/16iuk8voW65GaywNUQlWAbDt6HZzAJ_t9 and unpack it.",
    ),
    "amstertime": _archive(
        "amstertime",
        "AmsterTime: historical photographs of Amsterdam and the same views of today.",
        licence="as its page at 4TU.ResearchData states",
        url=_AMSTERTIME,
        how=f"gsv-pipeline fetch amstertime downloads it from 4TU.ResearchData ({_AMSTERTIME}).",
    ),
}
