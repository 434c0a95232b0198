#!/usr/bin/env python3
"""What people bring: the files of BroughtFilesTests, made anew (numpy, h5py, scipy, pillow; h5py 3.15 or newer).

All show one truth: gain = -60 - 3 sample - y - x / 2 dB on 3 maps of 8 x 6 places, unless their name says otherwise.
"""
import os
import pickle

import h5py
import numpy as np
import scipy.io
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
sample, y, x = np.meshgrid(np.arange(3), np.arange(8), np.arange(6), indexing="ij")
gain = (-60 - 3.0 * sample - y - 0.5 * x).astype("f4")  # [sample, y, x]
hole = np.zeros(gain.shape, bool)
hole[:, 2:4, 1:3] = True
building = hole[0]
stations = np.array([[1, 2, 25], [2, 3, 25], [4, 5, 25]], "f4")


def h5(name, **arrays):
    """One file; each array is data, or (data, attributes) or (data, attributes, options)."""
    with h5py.File(name, "w", libver=("earliest", "v110")) as file:
        for key, content in arrays.items():
            data, attributes, options = (content + ({}, {}))[:3] if isinstance(content, tuple) else (content, {}, {})
            array = file.create_dataset(key, data=data, track_times=False, **options)
            for attribute, value in attributes.items():
                array.attrs[attribute] = value


def holes(values, fill):
    out = values.copy()
    out[hole] = fill
    return out


# Attributes that change what numbers mean.
packed = np.round((gain + 90) / 0.01).astype("i2")
h5("packed_i2.h5", power=(holes(packed, -32768), {"scale_factor": 0.01, "add_offset": -90.0, "_FillValue": np.int16(-32768), "units": "dB"}))
h5("fill_9999.h5", power=(holes(gain, -9999), {"_FillValue": np.float32(-9999)}))
h5("missing_value.h5", power=(holes(gain, 1e20), {"missing_value": np.float32(1e20), "units": "dB"}))
h5("valid_range.h5", power=(holes(np.round(gain * 10).astype("i2"), 32000), {"scale_factor": 0.1, "valid_range": np.array([-2000, 0], "i2")}))
h5("unsigned.h5", power=(np.round(-gain * 2).astype("u1").view("i1"), {"_Unsigned": "true", "scale_factor": -0.5}))
h5("scale_double.h5", power=(np.round(gain * 1000).astype("i4"), {"scale_factor": np.array([0.001]), "units": "decibel"}))
h5("says_dbm.h5", power=(gain, {"units": "dBm"}))
h5("says_loss.h5", power=(-gain, {"units": "dB", "long_name": "path loss"}))
h5("says_delay.h5", power=(gain, {"units": "ns", "long_name": "delay spread"}))
h5("says_watt.h5", power=(10 ** (gain / 10) / 1000, {"units": "W"}))
h5("empty_units.h5", power=(gain, {"units": "", "long_name": ""}))
h5("numeric_units.h5", power=(gain, {"units": 1.0}))
h5("fill_unmarked.h5", power=(holes(gain, -9999), {}))

h5("other_names.h5", power=(holes(gain, -199), {"Units": "dBm", "NODATA_value": -199.0}))
with h5py.File("unwritten.h5", "w", libver=("earliest", "v110")) as file:  # as netCDF leaves what nobody wrote
    array = file.create_dataset("power", gain.shape, "i2", fillvalue=-32767, track_times=False)
    array.attrs["scale_factor"], array.attrs["add_offset"] = 0.002, -60.0
    for block in np.ndindex(3, 4, 3):
        place = (block[0], slice(2 * block[1], 2 * block[1] + 2), slice(2 * block[2], 2 * block[2] + 2))
        if block[1:] != (1, 1):
            array[place] = np.round((gain[place] + 60) / 0.002).astype("i2")
np.save("lone.npy", holes(gain, 0))
np.save("hundredths.npy", np.round(gain * 100).astype("i2"))

# Masks.
h5("boolean.h5", power=gain, outdoor=~hole, buildings=building)
h5("classes.h5", power=gain, land=np.where(hole, 2, 1).astype("u1") * (x > 0))
Image.fromarray(np.where(building, 0, 255).astype("u1")).save("outdoor.png")
os.makedirs("outdoor", exist_ok=True)
for number in range(3):
    Image.fromarray(np.where(hole[number], 0, 255).astype("u1")).save(f"outdoor/mask{number}.png")
os.makedirs("grey_holes", exist_ok=True)
for number in range(3):
    grey = np.round((gain[number] + 147) / 100 * 254).astype("u1") + 1
    grey[hole[number]] = 0
    Image.fromarray(grey).save(f"grey_holes/{number}.png")
np.save("minus_inf.npy", holes(gain, -np.inf))
np.save("nan_and_inf.npy", np.where(hole & (x == 1), np.nan, holes(gain, -np.inf)).astype("f4"))
np.save("zeros.npy", holes((10 ** (gain / 10)).astype("f4"), 0))
np.savez_compressed("masked.npz", power=gain, outdoor=~hole)

# Units and signs.
np.save("loss.npy", -gain)
np.save("milliwatt.npy", 10 ** (gain / 10).astype("f8"))
np.save("amplitude_c8.npy", (10 ** (gain / 20) * np.exp(1j * (sample + y))).astype("c8"))
np.save("amplitude_c16.npy", (10 ** (gain.astype("f8") / 20) * np.exp(1j * (sample + y))))
np.save("amplitude.npy", (10 ** (gain / 20) * np.where(x % 2, -1, 1)).astype("f4"))
h5("amplitude.h5", h=(10 ** (gain / 20) * np.exp(1j * (sample + y))).astype("c8"))
Image.fromarray(np.round(-gain[0] * 2).astype("u1")).save("falling.png")
np.save("positive.npy", (gain + 120).astype("f4"))

# Pictures: grey 100 at [2, 3] of 8 x 6, 255 - 10 row - column elsewhere, in every way to keep it.
row, column = y[0], x[0]
grey = (255 - 10 * row - column).astype("u1")
picture = Image.fromarray(grey)
picture.convert("RGB").save("rgb.png")
picture.convert("RGBA").save("rgba.png")
picture.convert("LA").save("grey_alpha.png")
picture.convert("P").save("palette.png")
Image.fromarray(grey // 16 * 16).quantize(16).save("palette_16.png", bits=4)
Image.fromarray(np.where(grey > 220, 255, 0).astype("u1")).convert("1").save("one_bit.png")
clear = np.dstack([grey] * 3 + [np.where(building, 0, 255).astype("u1")])
Image.fromarray(clear, "RGBA").save("transparent.png")
half = clear.copy()
half[4, 5, 3] = 128
Image.fromarray(half, "RGBA").save("half_transparent.png")
hue = np.dstack([grey, 255 - grey, np.full_like(grey, 30)])
Image.fromarray(hue, "RGB").save("colour_map.png")
Image.fromarray(hue, "RGB").quantize(32).save("colour_palette.png")
picture.save("transparent_level.png", transparency=int(grey[7, 5]))
picture.save("unused_transparent_level.png", transparency=3)

# Orientation and axes.
np.save("north_up.npy", gain[:, ::-1])
np.save("map_last.npy", np.moveaxis(gain, 0, 2))
np.save("transposed.npy", gain.transpose(0, 2, 1))
with h5py.File("matlab_v73.mat", "w", userblock_size=512) as file:  # A(y, x, map) of MATLAB
    array = file.create_dataset("A", data=gain.transpose(0, 2, 1), track_times=False)
    array.attrs["MATLAB_class"] = np.bytes_("single")
    where = file.create_dataset("bs", data=stations.T.astype("f8"), track_times=False)
    where.attrs["MATLAB_class"] = np.bytes_("double")
h5("axes.h5", power=(gain[:, ::-1], {"units": "dB"}), x=100 + 5.0 * np.arange(6), y=240 - 5.0 * np.arange(8))
np.save("stations.npy", stations)
np.save("stations_yx.npy", stations[:, [1, 0, 2]])
np.save("stations_degrees.npy", np.array([[52.52001, 13.40501], [52.52002, 13.40502], [52.52004, 13.40503]]))
np.save("stations_of_one.npy", stations[:1])



def scaled(name, axes, **arrays):
    """Arrays with dimension scales, as netCDF-4 and xarray write them; an axis without lines is a dimension alone."""
    with h5py.File(name, "w", libver=("earliest", "v110")) as file:
        for axis, (extent, lines, units) in axes.items():
            if lines is None:
                scale = file.create_dataset(axis, (extent,), "f4", track_times=False)
                scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{extent:10}")
                continue
            scale = file.create_dataset(axis, data=lines, track_times=False)
            scale.make_scale(axis)
            if units:
                scale.attrs["units"] = units
        for key, (names, data) in arrays.items():
            array = file.create_dataset(key, data=data, track_times=False)
            for number, axis in enumerate(names):
                array.dims[number].attach_scale(file[axis])


east, north = 0.005 * np.arange(6), 0.005 * np.arange(8)
scaled("scales_nxy.h5", {"map": (3, None, None), "Easting": (6, east + 0.1, "km"), "Northing": (8, north + 0.2, "km")},
       power=(["map", "Easting", "Northing"], gain.transpose(0, 2, 1)))
scaled("scales_xyn.h5", {"map": (3, None, None), "x": (6, None, None), "y": (8, None, None)},
       power=(["x", "y", "map"], gain.transpose(2, 1, 0)))
scaled("scales_degrees.h5", {"lat": (8, 52.5 + 1e-5 * np.arange(8), "degrees_north"), "lon": (6, 13.4 + 1e-5 * np.arange(6), "degrees_east")},
       power=(["lat", "lon"], gain[0]))
scaled("scales_north_up.h5", {"y": (8, north[::-1] * 1000, "m"), "x": (6, east * 1000, "m")},
       power=(["y", "x"], gain[0, ::-1]), outdoor=(["y", "x"], ~building[::-1]), bare=([], ~building[::-1]))

# Shape.
np.save("channel.npy", gain[:, None])
np.save("one_picture.npy", gain[0][:, :, None])
np.save("four_axes.npy", np.stack([gain, gain], 1))
os.makedirs("mixed_sizes", exist_ok=True)
for number, size in enumerate([(6, 8), (6, 8), (4, 4)]):
    Image.fromarray(np.full(size[::-1], 100, "u1")).save(f"mixed_sizes/{number}.png")
np.save("all_holes.npy", np.where(sample == 1, np.nan, gain).astype("f4"))

np.save("parts.npy", np.stack([10 ** (gain / 20), 0 * gain], -1).astype("f4"))
h5("real_part.h5", power=(10 ** (gain / 20) * np.cos(sample + y)).astype("f4"))
np.save("unit_range.npy", ((gain + 100) / 100).astype("f4"))
np.save("grey_levels.npy", np.round((gain + 100) * 2.55 / 0.5).astype("u1"))
os.makedirs("low_levels", exist_ok=True)
for number in range(3):
    Image.fromarray(np.round(gain[number] + 100).astype("u2")).save(f"low_levels/{number}.png")
with h5py.File("one_map_each.h5", "w", libver=("earliest", "v110")) as file:
    for number in range(3):
        file.create_dataset(f"map{number}", data=gain[number], track_times=False)
with h5py.File("grouped.h5", "w", libver=("earliest", "v110")) as file:
    file.create_group("run").create_dataset("power", data=gain, track_times=False)

# Element types and filters.
np.save("half.npy", gain.astype("f2"))
np.save("half_big.npy", gain.astype(">f2"))
h5("half.h5", power=gain.astype("f2"))
h5("lzf.h5", power=(gain, {}, {"chunks": (1, 8, 6), "compression": "lzf", "shuffle": True}))
h5("lzf_checked.h5", power=(np.zeros((3, 64, 64), "f4") - 80, {}, {"chunks": (1, 64, 64), "compression": "lzf", "fletcher32": True}))
h5("scaleoffset.h5", power=(np.round(gain).astype("i4"), {}, {"chunks": (1, 8, 6), "scaleoffset": 0}))
with h5py.File("latest.h5", "w", libver="latest") as file:
    file.create_dataset("power", data=gain, chunks=(1, 8, 6), compression="gzip", track_times=False)
h5("double_big.h5", power=gain.astype(">f8"))
writer = h5py.File("unclosed.h5", "w", libver="v110")  # as a writer leaves it that dies
writer.create_dataset("power", data=gain, chunks=(1, 8, 6), track_times=False)
writer.swmr_mode = True
writer.flush()
with open("unclosed.h5", "rb") as file:
    left = file.read()
writer.close()
with open("unclosed.h5", "wb") as file:
    file.write(left)
with h5py.File("compound.h5", "w", libver=("earliest", "v110")) as file:
    file.create_dataset("power", data=np.zeros(3, [("rsrp", "f4"), ("cell", "i4")]), track_times=False)

# Other formats.
np.savetxt("table.csv", gain[0], delimiter=",", fmt="%.1f")
scipy.io.savemat("matlab_v5.mat", {"A": gain})
with scipy.io.netcdf_file("three.nc", "w") as file:
    for name, extent in zip("nyx", gain.shape):
        file.createDimension(name, extent)
    file.createVariable("power", "f4", ("n", "y", "x"))[:] = gain
with open("maps.pkl", "wb") as file:
    pickle.dump(gain, file, protocol=4)
Image.fromarray(np.full((8, 6), 100, "u1")).save("picture.jpg")
