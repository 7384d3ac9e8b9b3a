"""The errors Geoloc raises on purpose. Each message is for a person and ends with what to do.

GeolocError
├── SettingsError            a setting that cannot be used
├── CoordinateError          a latitude or longitude that is none (also a ValueError)
├── PhotoError               bytes that do not become a photo
│   ├── PhotoEmpty           nothing in them
│   ├── PhotoTooLarge        more bytes or pixels than the settings allow
│   ├── PhotoTooSmall        too few pixels to say anything
│   ├── PieceMissing         no file where its bytes should be
│   └── PhotoUnreadable      no photo, a format we do not read, or a damaged file
├── FilterError              limits on a search that cannot be used
│   └── NothingAllowed       they leave no photo to be found
├── SourceError              a collection of photos that cannot be read
├── InputsError              a training set that cannot be made or read
├── EncoderError             an encoder that does not exist or did not work
│   └── WeightsMissing       its weights are not on this machine
├── ModelError               a classifier of cells that cannot be built or used
│   ├── CheckpointMissing    none in that folder
│   ├── CheckpointMisfit     its weights are damaged, or not those of its description
│   └── Diverged             training whose loss is no number any more
├── LmmError                 a large multimodal model that gave no reply
│   ├── LmmRefused           its server would not take the request: the key, the model's name, the size
│   ├── LmmBusy              it stayed too busy, failing or silent through all tries
│   └── LmmCancelled         the user stopped it
├── ReaderError              a reader of text in photos that does not exist or did not work
├── PromptError              a prompt's text that cannot be used
├── CellsError               geo-cells that cannot be made or used
├── TileError                a tile that does not exist, or kept ones that cannot be used
│   └── TileSourceError      a source of tiles that cannot be opened, or must not be used so
├── NoAnswer                 a predictor that has no place to name
├── HubError                 the model hub would not give the weights
│   ├── HubUnreachable       it did not answer in time
│   └── DownloadCancelled    the user stopped the download
└── GalleryError             a gallery that cannot be searched
    ├── GalleryMissing       no gallery in that folder
    ├── GalleryDamaged       files missing, changed, or not what the manifest says
    ├── SharingError         one that could not be pushed or pulled
    │   └── SharingInterrupted   the connection broke; what arrived is kept
    └── EncoderMismatch      made by another encoder than the one asked for
"""

from __future__ import annotations


class GeolocError(Exception):
    """Root of the tree: catch this one to show any of our messages."""


class SettingsError(GeolocError):
    """A setting has a value that cannot be used."""


class CoordinateError(GeolocError, ValueError):
    """A latitude or longitude is not a number, out of range, or cannot be parsed."""


class PhotoError(GeolocError):
    """Bytes that do not become a photo."""


class PhotoEmpty(PhotoError):
    """The file holds no bytes."""


class PhotoTooLarge(PhotoError):
    """More bytes or pixels than the settings allow."""


class PhotoTooSmall(PhotoError):
    """Too few pixels to say anything about a place."""


class PieceMissing(PhotoError):
    """There is no ordinary file where the photo's bytes should be."""


class PhotoUnreadable(PhotoError):
    """Not a photo, a format we do not read, or a damaged file."""


class FilterError(GeolocError):
    """Limits on a search that cannot be used with this gallery, or at all."""


class NothingAllowed(FilterError):
    """The limits on a search leave no photo to be found."""


class SourceError(GeolocError):
    """A collection of photos, or a table about them, cannot be read as it was asked for."""


class InputsError(GeolocError):
    """A training set is missing, unfinished or damaged, or cannot be made so."""


class EncoderError(GeolocError):
    """An encoder that does not exist or did not work."""


class WeightsMissing(EncoderError):
    """The encoder's weights are not on this machine."""


class ModelError(GeolocError):
    """A classifier of cells cannot be built, or not be used so."""


class CheckpointMissing(ModelError):
    """There is no trained model in that folder."""


class CheckpointMisfit(ModelError):
    """Weights are damaged, or not those of the model they are for."""


class Diverged(ModelError):
    """Training broke down: its loss is no number any more."""


class LmmError(GeolocError):
    """A large multimodal model gave no reply."""


class LmmRefused(LmmError):
    """The model's server would not take the request; trying again as it is cannot help."""


class LmmBusy(LmmError):
    """The model stayed too busy, failing or silent through all tries."""


class LmmCancelled(LmmError):
    """The user stopped the question."""


class ReaderError(GeolocError):
    """A reader of text in photos that does not exist or did not work."""


class PromptError(GeolocError):
    """A prompt's text cannot be used."""


class CellsError(GeolocError):
    """Geo-cells cannot be made of these places, or a file of them cannot be used."""


class TileError(GeolocError):
    """There is no such map tile, or what is kept of tiles cannot be used."""


class TileSourceError(TileError):
    """A source of map tiles cannot be opened, or must not be used so."""


class NoAnswer(GeolocError):
    """A predictor has no place to name, which is no place at all, and never (0, 0)."""


class HubError(GeolocError):
    """The model hub would not give the weights, or they could not be kept."""


class HubUnreachable(HubError):
    """The model hub did not answer in time."""


class DownloadCancelled(HubError):
    """The user stopped a download; what had arrived is kept."""


class GalleryError(GeolocError):
    """A gallery that cannot be searched."""


class GalleryMissing(GalleryError):
    """There is no gallery in that folder."""


class GalleryDamaged(GalleryError):
    """Files of the gallery are missing, changed, or not what its manifest says."""


class SharingError(GalleryError):
    """A gallery could not be pushed or pulled."""


class SharingInterrupted(SharingError):
    """A push or pull broke off; the same call again goes on where it stopped."""


class EncoderMismatch(GalleryError):
    """The gallery was made by another encoder than the one asked for."""
