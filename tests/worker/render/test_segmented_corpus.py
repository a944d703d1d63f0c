"""The whole corpus through the engine, cut finer than usual: bit for bit one pass, with a lossless preset."""

from fractions import Fraction

import pytest

from tests.worker.render.corpus.picture_cuts import PICTURES
from tests.worker.render.corpus.texts import TEXTS
from tests.worker.render.desk import LOSSLESS, EngineDesk
from tests.worker.render.test_segmented import frames_of, samples_of
from worker.render import segments


@pytest.fixture
def fine_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus's films last a second or two."""
    monkeypatch.setattr(segments, "_SHORTEST_SECONDS", Fraction(1, 6))
    monkeypatch.setattr(segments, "_LONGEST_SECONDS", Fraction(2, 5))
    monkeypatch.setattr(segments, "_BUNCH_SECONDS", Fraction(1, 3))


@pytest.mark.parametrize("name", [*PICTURES, *TEXTS])
def test_the_corpus_in_pieces_is_the_corpus_in_one_pass(desk: EngineDesk, fine_cuts: None, name: str) -> None:
    cut = (PICTURES | TEXTS)[name](desk.media)
    joined, one_pass = desk.render(cut, preset=LOSSLESS), desk.one_pass(cut, LOSSLESS)
    assert frames_of(joined) == frames_of(one_pass)
    assert samples_of(joined) == samples_of(one_pass)
    assert len(desk.pieces()) >= 2
