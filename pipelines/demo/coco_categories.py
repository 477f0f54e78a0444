"""COCO 2017's category tables: ids, names, supercategories, panoptic colours.

Facts from cocodataset/panopticapi (panoptic_coco_categories.json) and cocodataset/cocoapi.
"""

from __future__ import annotations

from typing import Any

Category = dict[str, Any]

THINGS = """
person: 1 person #dc143c
vehicle: 2 bicycle #770b20, 3 car #00008e, 4 motorcycle #0000e6, 5 airplane #6a00e4, 6 bus
    #003c64, 7 train #005064, 8 truck #000046, 9 boat #0000c0
outdoor: 10 traffic light #faaa1e, 11 fire hydrant #64aa1e, 13 stop sign #dcdc00, 14 parking meter
    #af74af, 15 bench #fa001e
animal: 16 bird #a52a2a, 17 cat #ff4dff, 18 dog #00e2fc, 19 horse #b6b6ff, 20 sheep #005200, 21
    cow #78a69d, 22 elephant #6e4c00, 23 bear #ae39ff, 24 zebra #c76400, 25 giraffe #480076
accessory: 27 backpack #ffb3f0, 28 umbrella #007d5c, 31 handbag #d10097, 32 tie #bcd0b6, 33
    suitcase #00dcb0
sports: 34 frisbee #ff63a4, 35 skis #5c0049, 36 snowboard #8581ff, 37 sports ball #4eb4ff, 38 kite
    #00e400, 39 baseball bat #aefff3, 40 baseball glove #2d59ff, 41 skateboard #868667, 42
    surfboard #9194ae, 43 tennis racket #ffd0ba
kitchen: 44 bottle #c5e2ff, 46 wine glass #ab8601, 47 cup #6d3f36, 48 fork #cf8aff, 49 knife
    #97005f, 50 spoon #09503d, 51 bowl #546933
food: 52 banana #4a4169, 53 apple #a6c466, 54 sandwich #d0c3d2, 55 orange #ff6d41, 56 broccoli
    #008f95, 57 carrot #b300c2, 58 hot dog #d1636a, 59 pizza #057900, 60 donut #e3ffcd, 61 cake
    #93bad0
furniture: 62 chair #994501, 63 couch #035fa1, 64 potted plant #a3ff00, 65 bed #7700aa, 67 dining
    table #00b6c7, 70 toilet #00a578
electronic: 72 tv #b78258, 73 laptop #5f2000, 74 mouse #827287, 75 remote #6e8185, 76 keyboard
    #a64a76, 77 cell phone #db8eb9
appliance: 78 microwave #4fd272, 79 oven #b25a3e, 80 toaster #41460f, 81 sink #7fa773, 82
    refrigerator #3b696a
indoor: 84 book #8e6c2d, 85 clock #c4ac00, 86 vase #5f3650, 87 scissors #804cff, 88 teddy bear
    #c93901, 89 hair drier #f6007a, 90 toothbrush #bfa2d0
"""
MERGED_STUFF = """
textile: 92 banner #ffff80, 93 blanket #93d3cb, 109 curtain #d2aa64, 141 pillow #4c5b71, 168 towel
    #e1c7ff, 200 rug-merged #fa8dff
building: 95 bridge #966464, 128 house #464646, 151 roof #5c5237, 166 tent #a9a483, 197
    building-other-merged #747000
raw-material: 100 cardboard #a8abac, 195 paper-merged #cebaab
furniture-stuff: 107 counter #9270c6, 112 door-stuff #5c8859, 130 light #ffe4ff, 133 mirror-stuff
    #9ad000, 156 shelf #ffa062, 161 stairs #68546d, 188 cabinet-merged #86c79c, 189 table-merged
    #d1e28c
floor: 118 floor-wood #da58b8, 190 floor-other-merged #60246c
plant: 119 flower #f18100, 184 tree-merged #6b8e23, 193 grass-merged #98fb98
food-stuff: 122 fruit #d911ff, 196 food-other-merged #98a140
ground: 125 gravel #7c4ab5, 144 platform #ffb4c3, 145 playingfield #6a9ab0, 147 railroad #e6968c,
    149 road #804080, 154 sand #fed47c, 159 snow #ffffff, 191 pavement-merged #606060, 194
    dirt-merged #d0e5e4
structural: 138 net #c1005c, 185 fence-merged #be9999
water: 148 river #3c8fff, 155 sea #494dae, 178 water-other #3a2995
wall: 171 wall-brick #89364a, 175 wall-stone #879edf, 176 wall-tile #07f6e7, 177 wall-wood
    #6bffc8, 199 wall-other-merged #66669c
window: 180 window-blind #b7798e, 181 window-other #ff4961
ceiling: 186 ceiling-merged #928b8d
sky: 187 sky-other-merged #4682b4
solid: 192 mountain-merged #40aa40, 198 rock-merged #00728f
"""
STUFF = """
textile: 92 banner, 93 blanket, 104 cloth, 105 clothes, 109 curtain, 131 mat, 137 napkin, 141
    pillow, 152 rug, 167 textile-other, 168 towel
plant: 94 branch, 97 bush, 119 flower, 124 grass, 129 leaves, 134 moss, 142 plant-other, 163
    straw, 169 tree
building: 95 bridge, 96 building-other, 128 house, 151 roof, 158 skyscraper, 166 tent
furniture-stuff: 98 cabinet, 107 counter, 108 cupboard, 110 desk-stuff, 112 door-stuff, 123
    furniture-other, 130 light, 133 mirror-stuff, 156 shelf, 161 stairs, 165 table
structural: 99 cage, 113 fence, 138 net, 146 railing, 164 structural-other
raw-material: 100 cardboard, 132 metal, 139 paper, 143 plastic
floor: 101 carpet, 114 floor-marble, 115 floor-other, 116 floor-stone, 117 floor-tile, 118
    floor-wood
ceiling: 102 ceiling-other, 103 ceiling-tile
sky: 106 clouds, 157 sky-other
ground: 111 dirt, 125 gravel, 126 ground-other, 136 mud, 140 pavement, 144 platform, 145
    playingfield, 147 railroad, 149 road, 154 sand, 159 snow
water: 120 fog, 148 river, 155 sea, 178 water-other, 179 waterdrops
food-stuff: 121 food-other, 122 fruit, 153 salad, 170 vegetable
solid: 127 hill, 135 mountain, 150 rock, 160 solid-other, 162 stone, 182 wood
wall: 171 wall-brick, 172 wall-concrete, 173 wall-other, 174 wall-panel, 175 wall-stone, 176
    wall-tile, 177 wall-wood
window: 180 window-blind, 181 window-other
other: 183 other
"""
KEYPOINTS = """
nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow
left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle
"""
SKELETON = [
    *([16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9]),
    *([8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]),
]


def instances() -> list[Category]:
    """The 80 things, as in instances_*.json."""
    return [_fields(row, "supercategory", "id", "name") for row in _rows(THINGS)]


def persons() -> list[Category]:
    """The one class of person_keypoints_*.json."""
    more = {"keypoints": KEYPOINTS.split(), "skeleton": SKELETON}
    return [category | more for category in instances() if category["name"] == "person"]


def stuff() -> list[Category]:
    """The 91 kinds of stuff and "other" (all things), as in stuff_*.json."""
    return [_fields(row, "supercategory", "id", "name") for row in _rows(STUFF)]


def panoptic() -> list[Category]:
    """The 80 things and 53 merged kinds of stuff, as in panoptic_*.json."""
    both = ((THINGS, 1), (MERGED_STUFF, 0))
    rows = [{**row, "isthing": thing} for table, thing in both for row in _rows(table)]
    return [_fields(row, "supercategory", "color", "isthing", "id", "name") for row in rows]


def _rows(table: str) -> list[Category]:
    """Lines of `group: id name #colour, ...`, continued by indented ones, sorted by id."""
    rows = []
    for line in table.replace("\n    ", " ").strip().splitlines():
        group, members = line.split(": ", 1)
        for member in members.split(", "):
            number, name = member.split(" ", 1)
            name, _, colour = name.partition(" #")
            row = {"supercategory": group, "id": int(number), "name": name}
            rows.append({**row, "color": list(bytes.fromhex(colour))})
    return sorted(rows, key=lambda row: int(row["id"]))


def _fields(row: Category, *names: str) -> Category:
    return {name: row[name] for name in names}
