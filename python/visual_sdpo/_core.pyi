"""Types of the functions in Rust. Their documentation is in their docstrings: `help(visual_sdpo.reward)`."""

import os
from types import TracebackType
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Tuple, Type, Union

import numpy as np
import numpy.typing as npt
from typing_extensions import final

__version__: str

Domain = Literal["chart", "web", "slide"]
Language = Literal["python", "html", "pptx"]
Picture = Union[npt.NDArray[np.uint8], bytes, Any]
Messages = List[Dict[str, Any]]

@final
class Task:
    def __init__(
        self,
        prompt: str,
        domain: Domain,
        *,
        language: Optional[Language] = None,
        images: Optional[Sequence[Picture]] = None,
        reference: Optional[str] = None,
        requirements: Optional[Mapping[str, Any]] = None,
        id: Optional[str] = None,
    ) -> None: ...
    @property
    def prompt(self) -> str: ...
    @property
    def domain(self) -> Domain: ...
    @property
    def language(self) -> Language: ...
    @property
    def images(self) -> List[npt.NDArray[np.uint8]]: ...
    @property
    def reference(self) -> Optional[str]: ...
    @property
    def requirements(self) -> Optional[Dict[str, Any]]: ...
    @property
    def id(self) -> str: ...

@final
class Outcome:
    @property
    def executed(self) -> bool: ...
    @property
    def error(self) -> Optional[str]: ...
    @property
    def error_kind(self) -> Optional[str]: ...
    @property
    def traceback(self) -> Optional[str]: ...
    @property
    def scorable(self) -> bool: ...
    @property
    def code(self) -> str: ...
    @property
    def pages(self) -> List[npt.NDArray[np.uint8]]: ...
    def png(self, page: Optional[int] = None) -> bytes: ...
    @property
    def elements(self) -> List[Dict[str, Any]]: ...
    @property
    def notes(self) -> List[str]: ...

@final
class Diagnosis:
    @property
    def executed(self) -> bool: ...
    @property
    def defects(self) -> List[Dict[str, Any]]: ...
    @property
    def rubric(self) -> Dict[str, Dict[str, Any]]: ...
    @property
    def content(self) -> float: ...
    @property
    def skipped(self) -> List[str]: ...
    @property
    def clean(self) -> bool: ...

@final
class RenderPool:
    def __init__(
        self,
        domain: Domain,
        language: Optional[Language] = None,
        *,
        workers: Optional[int] = None,
        timeout_s: Optional[float] = None,
        window: Optional[Tuple[int, int]] = None,
        home: Optional[Union[str, "os.PathLike[str]"]] = None,
        deadline_s: Optional[float] = None,
    ) -> None: ...
    def render(self, code: Union[str, bytes]) -> Outcome: ...
    def render_all(self, codes: Sequence[Union[str, bytes]]) -> List[Outcome]: ...
    def identity(self) -> str: ...
    def stats(self) -> Dict[str, Union[int, float]]: ...
    @property
    def workers(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> "RenderPool": ...
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None: ...

def axes(domain: Domain) -> List[str]: ...
def rules(domain: Domain) -> List[str]: ...
def _figure_probe(folder: str) -> Dict[str, Any]: ...
def _figure_outcome(path: str) -> Outcome: ...
def diagnose(task: Task, outcome: Outcome) -> Diagnosis: ...
def reward(
    task: Task,
    outcomes: Sequence[Outcome],
    *,
    finished: Optional[Sequence[bool]] = None,
    weights: Optional[Mapping[str, float]] = None,
) -> List[Optional[float]]: ...
def student_messages(task: Task, *, pictures: Optional[Literal["array", "pil"]] = None) -> Messages: ...
def teacher_messages(
    task: Task,
    outcome: Outcome,
    *,
    channels: Optional[Sequence[Literal["image", "rubric"]]] = None,
    rubric: Optional[Literal["binary", "observed", "full"]] = None,
    weights: Optional[Mapping[str, float]] = None,
    pictures: Optional[Literal["array", "pil"]] = None,
) -> Messages: ...
def reference_messages(task: Task, *, pictures: Optional[Literal["array", "pil"]] = None) -> Messages: ...
def mini_tasks(
    domain: Domain,
    *,
    language: Optional[Language] = None,
    split: Literal["feedback", "train", "dev", "test"] = "train",
    count: int = 1,
    seed: int = 1,
) -> List[Dict[str, Any]]: ...
def extract_code(text: str, language: Language) -> Tuple[str, int, int]: ...
def statement_weights(
    text: str,
    outcome: Outcome,
    offsets: npt.ArrayLike,
    *,
    task: Task,
    unit: Optional[Literal["char", "byte"]] = None,
    amplify: Optional[float] = None,
    overlap: Optional[Literal["iou", "ioa"]] = None,
    blame_error: Optional[bool] = None,
    weights: Optional[Mapping[str, float]] = None,
) -> npt.NDArray[np.float32]: ...
def statements(
    text: str,
    outcome: Outcome,
    *,
    task: Task,
    amplify: Optional[float] = None,
    overlap: Optional[Literal["iou", "ioa"]] = None,
    blame_error: Optional[bool] = None,
) -> List[Dict[str, Any]]: ...
def score_chartmimic(prediction: str, reference: str, *, name: Optional[str] = None) -> Dict[str, Any]: ...
def score_design2code(candidate: str, reference: str) -> Dict[str, Any]: ...
def score_aeslides(source: Union[str, bytes], *, language: Optional[Language] = None) -> Dict[str, Any]: ...
