"""What vbdata uses of s3fs and gcsfs without their promise is there, or its absence is named."""

from __future__ import annotations

import pytest
from gcsfs.core import GCSFileSystem
from s3fs.core import S3FileSystem

from vbdata.storage.privates import GCSFS, S3FS, require

NAMES = {"s3fs": S3FS, "gcsfs": GCSFS}


def test_the_installed_releases_have_it() -> None:
    require(S3FileSystem, "s3fs")
    require(GCSFileSystem, "gcsfs")


@pytest.mark.parametrize("package", NAMES)
def test_a_release_without_one_of_them_is_refused_by_name(package: str) -> None:
    class Method:
        __wrapped__ = None

    for lost in NAMES[package]:
        kept = [name.partition(".")[0] for name in NAMES[package] if name != lost]
        other = type("Other", (), dict.fromkeys(kept, Method))
        with pytest.raises(ImportError, match=rf"^{package} 20\S+ lacks what .* it: {lost} \("):
            require(other, package)
