"""`hf:`: files of the hub, through huggingface_hub and its own cache (HF_HOME, HF_ENDPOINT, HF_TOKEN are honoured)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.hf_folder import SIDE_FILES
from infopt_compiler.sources.progress import Tell
from infopt_compiler.sources.reference import HubFile, HubModel


def fetch_snapshot(source: HubModel, tell: Tell) -> tuple[Path, dict[str, Any]]:
    """The folder of a model's config, safetensors and tokenizer files, and facts (the commit that was resolved)."""
    from huggingface_hub import snapshot_download

    with _hub_errors(source.repository, source.revision):
        folder = snapshot_download(
            source.repository,
            revision=source.revision,
            allow_patterns=["config.json", "*.safetensors", "*.safetensors.index.json", *SIDE_FILES],
            ignore_patterns=["*/*.safetensors", "consolidated*"],
            tqdm_class=_bars(tell),
        )
    return Path(folder), {
        "repository": source.repository,
        "revision": source.revision,
        "commit": Path(folder).name,
    }


def fetch_file(source: HubFile, tell: Tell) -> tuple[Path, dict[str, Any]]:
    """One file of a dataset repository, and facts."""
    from huggingface_hub import hf_hub_download

    tell(0, 0, f"downloading {source.path}")
    with _hub_errors(source.repository, source.revision, source.path):
        path = Path(
            hf_hub_download(source.repository, source.path, repo_type="dataset", revision=source.revision)
        )
    commit = path.parents[len(Path(source.path).parts) - 1].name
    return path, {"repository": source.repository, "revision": source.revision, "commit": commit}


@contextmanager
def _hub_errors(repository: str, revision: str, path: str | None = None) -> Iterator[None]:
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as wrong:
        raise SourceError(
            "E0608", f"`{repository}` is gated", "ask for access, then `hf auth login`"
        ) from wrong
    except errors.RepositoryNotFoundError as wrong:
        raise SourceError(
            "E0608", f"the hub has no `{repository}`", "is it private? `hf auth login`"
        ) from wrong
    except errors.RevisionNotFoundError as wrong:
        raise SourceError("E0608", f"`{repository}` has no revision `{revision}`") from wrong
    except errors.LocalEntryNotFoundError as wrong:
        raise SourceError(
            "E0604", f"the hub cannot be reached, and `{repository}` is not in its cache"
        ) from wrong
    except errors.EntryNotFoundError as wrong:
        raise SourceError("E0608", f"`{repository}` has no file `{path}`") from wrong
    except (errors.HfHubHTTPError, httpx.HTTPError, OSError) as wrong:
        if isinstance(wrong, OSError) and wrong.errno is not None and not isinstance(wrong, ConnectionError):
            raise  # the disk, not the network
        if "consistency" in str(wrong).lower() or "size" in str(wrong).lower():
            raise SourceError(
                "E0605", f"the download of `{repository}` is incomplete: {wrong}", "run again"
            ) from wrong
        raise SourceError("E0604", f"the hub did not answer for `{repository}`: {wrong}") from wrong


def _bars(tell: Tell) -> type[Any]:
    """A tqdm class that tells bytes instead of drawing; huggingface_hub updates it from several threads."""
    from huggingface_hub.utils import tqdm

    guard = threading.Lock()

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = False
            super().__init__(*args, **{**kwargs, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> Any:
            given = super().update(n)
            if self.unit == "B":
                with guard:
                    tell(float(self.n), float(self.total or 0), "downloading")
            return given

    return Bar


class _Nowhere:
    """A stream that drops what is written."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None
