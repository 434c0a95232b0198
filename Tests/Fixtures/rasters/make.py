#!/usr/bin/env python3
"""Rasters of RasterTests, made anew (numpy, rasterio, tifffile, pillow).

All show one truth: gain = -60 - 3 sample - y - x / 2 dB on 3 maps of 8 x 6 places, unless their name says otherwise; those
with a place have their first row at the greatest y, places 10 m apart, the least at x = 500005 m, y = 5800005 m.
"""
import os
import warnings

import numpy as np
import rasterio
import tifffile
from PIL import Image
from rasterio.transform import Affine

warnings.filterwarnings("ignore")
os.chdir(os.path.dirname(os.path.abspath(__file__)))
sample, y, x = np.meshgrid(np.arange(3), np.arange(8), np.arange(6), indexing="ij")
gain = (-60 - 3.0 * sample - y - 0.5 * x).astype("f4")
north_up = gain[:, ::-1]
hole = np.zeros(gain.shape, bool)
hole[:, 2:4, 1:3] = True
place = Affine(10, 0, 500000, 0, -10, 5800080)


def gdal(name, values, transform=place, crs="EPSG:25832", more=None, **options):
    with rasterio.open(
        name, "w", driver="GTiff", count=values.shape[0], height=values.shape[1], width=values.shape[2],
        dtype=values.dtype, transform=transform, crs=crs, **options) as file:
        file.write(values)
        if more:
            more(file)


def packed(file):
    file.scales = [0.01] * 3
    file.offsets = [-90.0] * 3
    file.units = ["dB"] * 3
    for band in range(3):
        file.set_band_description(band + 1, f"sector {band} <north>")


def uneven(file):
    file.scales = [0.01, 0.01, 0.02]


gdal("float32.tif", north_up)
gdal("float64_lzw_tiled.tif", np.tile(north_up, (1, 3, 4)).astype("f8"), compress="lzw", predictor=3, tiled=True, blockxsize=16, blockysize=16, interleave="pixel")
gdal("int16_packed.tif", np.where(hole, -32768, np.round((gain + 90) / 0.01)).astype("i2")[:, ::-1], nodata=-32768, more=packed, compress="deflate", predictor=2)
gdal("nan_big.tif", np.where(hole, np.nan, gain)[:, ::-1].astype("f4"), nodata=np.nan, ENDIANNESS="BIG", BIGTIFF="YES", interleave="pixel")
gdal("zstd_int32.tif", (2 * north_up).astype("i4"), compress="zstd", more=lambda file: setattr(file, "scales", [0.5] * 3))
gdal("lerc.tif", north_up, compress="lerc")
gdal("uneven_scales.tif", np.round((gain + 90) / 0.01).astype("i2"), more=uneven)
gdal("degrees.tif", north_up, transform=Affine(1e-4, 0, 8, 0, -1e-4, 52), crs="EPSG:4326")
gdal("oblong.tif", north_up, transform=Affine(10, 0, 0, 0, -20, 0))
gdal("turned.tif", north_up, transform=Affine(7, 7, 0, 7, -7, 0))
gdal("feet.tif", north_up, crs="EPSG:2263")
gdal("south_up.tif", gain, transform=Affine(10, 0, 500000, 0, 10, 5800000))
gdal("sparse.tif", np.full((1, 64, 64), -9999, "f4"), nodata=-9999, SPARSE_OK="TRUE", tiled=True, blockxsize=16, blockysize=16)
with rasterio.open("sparse.tif", "r+") as file:
    file.write(gain[:1, ::-1], window=rasterio.windows.Window(16, 16, 6, 8))
gdal("complex.tif", (10 ** (north_up / 20) * np.exp(1j)).astype("c8"))
gdal("colours.tif", np.zeros((3, 8, 6), "u1"), photometric="RGB")
gdal("jpeg.tif", np.zeros((1, 16, 16), "u1"), compress="jpeg")
with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
    gdal("masked.tif", north_up[:1], more=lambda file: file.write_mask(~hole[0]))
gdal("grey.tif", np.round((north_up + 90) * 5).astype("u1")[:1], crs=None, transform=Affine.identity())
tifffile.imwrite("pages.tif", gain)
tifffile.imwrite("half_pages.tif", gain.astype("f2"), compression="zlib")
Image.fromarray(gain[0]).save("pillow.tif")
Image.fromarray(np.zeros((8, 6), "u1")).convert("P").save("palette.tif")
os.makedirs("folder", exist_ok=True)
for number in range(3):
    gdal(f"folder/map{number + 9}.tif", north_up[number : number + 1], compress="packbits")
os.makedirs("mixed", exist_ok=True)
gdal("mixed/a.tif", north_up[:1])
gdal("mixed/b.tif", north_up[:1, 1:])
