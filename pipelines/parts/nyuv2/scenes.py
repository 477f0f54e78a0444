"""Which scene each of the 1,449 labelled frames of NYUv2 was taken in, without its .mat at hand.

Frames of one scene follow one another, so it is enough to say where each run begins. Packs of
benchmarks name frames by number alone; with this they have the groups of pipelines/nyuv2.py.
Source: the file lists of prs-eth/Marigold (data_split/nyu_depth/labeled), in which a frame's path
has its scene and its number from 1.
"""

from __future__ import annotations

from bisect import bisect_right

FRAMES = 1449
RUNS = """
1 kitchen_0004 3 office_0003 5 office_0004 9 office_0005 10 office_0006 14 office_0007 15
office_0008 19 office_0009 21 office_0010 22 office_0011 26 office_0012 28 office_0013 35
office_0014 39 office_0015 44 bathroom_0002 46 bathroom_0003 47 bathroom_0004 48 bathroom_0005
49 bathroom_0006 50 living_room_0000 56 bedroom_0011 58 bedroom_0012 59 bedroom_0013 64
bedroom_0014 67 bedroom_0015 68 bedroom_0016 73 bedroom_0017 76 bedroom_0018 80 bedroom_0019
84 bookstore_0001 92 bookstore_0002 104 bookstore_0000 114 bookstore_0002 117 bookstore_0001
120 cafe_0001 125 kitchen_0005 130 kitchen_0006 131 kitchen_0007 135 kitchen_0008 137
kitchen_0009 138 kitchen_0010 142 kitchen_0011 146 living_room_0004 151 living_room_0005 152
living_room_0006 153 living_room_0008 155 living_room_0009 156 living_room_0010 160
living_room_0011 164 living_room_0012 167 living_room_0013 169 living_room_0014 170
bathroom_0001 171 bedroom_0003 177 bedroom_0004 180 bedroom_0005 183 bedroom_0006 189
bedroom_0007 194 kitchen_0002 203 kitchen_0003 207 living_room_0002 208 living_room_0003 213
office_0000 217 bedroom_0020 219 bedroom_0021 220 bedroom_0022 221 bedroom_0024 223
furniture_store_0001 239 furniture_store_0002 250 kitchen_0015 251 kitchen_0016 253
kitchen_0017 255 living_room_0018 258 living_room_0019 260 living_room_0020 264
living_room_0021 265 living_room_0022 271 office_0016 272 office_0017 273 study_room_0001 274
study_room_0004 276 study_room_0005 279 study_room_0006 280 bedroom_0131 284 classroom_0001
286 classroom_0003 288 classroom_0004 290 classroom_0005 292 classroom_0006 296 classroom_0007
299 classroom_0008 301 classroom_0009 303 classroom_0010 306 classroom_0011 308 classroom_0012
310 classroom_0014 312 classroom_0015 313 classroom_0016 315 classroom_0017 318 classroom_0018
321 classroom_0022 325 classroom_0023 329 classroom_0024 331 classroom_0026 333
computer_lab_0001 336 computer_lab_0002 339 conference_room_0001 342 conference_room_0002 344
dinette_0001 348 excercise_room_0001 351 foyer_0001 353 foyer_0002 355 home_office_0001 359
home_office_0002 363 home_office_0003 365 home_office_0004 368 home_office_0005 372
home_office_0006 377 home_office_0007 380 home_office_0008 384 home_office_0009 387
home_office_0010 391 home_office_0011 395 home_office_0012 398 home_storage_0001 403
indoor_balcony_0001 405 laundry_room_0001 408 office_kitchen_0001 411 office_kitchen_0002 415
office_kitchen_0003 418 playroom_0002 421 playroom_0003 426 playroom_0004 430 playroom_0005
436 playroom_0006 441 playroom_0007 444 playroom_0008 449 printer_room_0001 452
reception_room_0001 458 reception_room_0002 462 reception_room_0003 467 reception_room_0004
469 study_0001 474 study_0002 478 study_0003 482 study_0004 485 study_0005 487 study_0006 490
basement_0001 497 bathroom_0053 499 bathroom_0054 500 bathroom_0055 503 bathroom_0056 506
bathroom_0057 508 bathroom_0058 511 bathroom_0060 514 bedroom_0132 515 bedroom_0133 520
bedroom_0134 523 bedroom_0135 527 bedroom_0136 531 bedroom_0137 534 bedroom_0138 537
bedroom_0139 540 bedroom_0140 544 dining_room_0037 549 dining_room_0038 552 home_office_0013
555 home_office_0014 559 kitchen_0055 561 kitchen_0056 565 kitchen_0057 569 kitchen_0058 572
kitchen_0059 575 kitchen_0060 579 living_room_0081 584 living_room_0082 588 living_room_0083
591 living_room_0084 595 living_room_0085 597 living_room_0086 603 living_room_0087 608
office_0018 609 office_0019 612 office_0020 614 office_0021 617 office_0022 622 office_0023
624 office_0024 628 office_0025 630 office_0026 633 office_0027 639 student_lounge_0001 644
study_0007 646 study_0008 648 bathroom_0007 650 bathroom_0008 651 bathroom_0009 652
bathroom_0010 654 bathroom_0011 656 bathroom_0012 659 bathroom_0013 661 bathroom_0014 663
bathroom_0015 665 bathroom_0016 668 bathroom_0017 671 bathroom_0018 674 bathroom_0019 676
bathroom_0020 678 bathroom_0021 680 bathroom_0022 682 bathroom_0023 684 bathroom_0024 686
bathroom_0025 688 bathroom_0026 691 bathroom_0028 693 bathroom_0029 695 bathroom_0030 697
bathroom_0031 700 bathroom_0033 702 bathroom_0034 705 bathroom_0035 706 bathroom_0036 709
bathroom_0037 711 bathroom_0038 714 bathroom_0039 717 bathroom_0040 719 bathroom_0041 722
bathroom_0042 724 bathroom_0043 727 bathroom_0044 729 bathroom_0045 731 bathroom_0046 733
bathroom_0047 735 bathroom_0048 737 bathroom_0049 739 bathroom_0050 740 bathroom_0051 743
bathroom_0052 745 kitchen_0019 759 kitchen_0021 762 kitchen_0022 767 kitchen_0023 772
kitchen_0024 777 kitchen_0025 780 kitchen_0026 783 kitchen_0027 788 kitchen_0028 795
kitchen_0029 800 kitchen_0030 805 kitchen_0031 810 kitchen_0032 815 kitchen_0033 821
kitchen_0034 824 kitchen_0035 830 kitchen_0037 833 kitchen_0038 837 kitchen_0039 843
kitchen_0040 847 kitchen_0041 850 kitchen_0042 853 kitchen_0043 857 kitchen_0044 863
kitchen_0045 869 kitchen_0046 872 kitchen_0047 876 kitchen_0048 880 kitchen_0049 884
kitchen_0050 888 kitchen_0051 895 kitchen_0052 900 kitchen_0053 906 kitchen_0054 909
bedroom_0025 913 bedroom_0026 917 bedroom_0027 920 bedroom_0028 923 bedroom_0029 926
bedroom_0030 929 bedroom_0031 932 bedroom_0032 936 bedroom_0033 938 bedroom_0034 941
bedroom_0035 943 bedroom_0036 945 bedroom_0037 948 bedroom_0038 950 bedroom_0039 952
bedroom_0040 955 bedroom_0041 958 bedroom_0042 959 bedroom_0043 961 bedroom_0044 963
bedroom_0045 965 bedroom_0046 968 bedroom_0047 970 bedroom_0048 975 bedroom_0049 978
bedroom_0050 981 bedroom_0051 986 bedroom_0052 989 bedroom_0053 991 bedroom_0054 994
bedroom_0055 996 bedroom_0056 998 bedroom_0057 1001 bedroom_0058 1005 bedroom_0059 1008
bedroom_0060 1010 bedroom_0061 1013 bedroom_0062 1018 bedroom_0063 1021 bedroom_0064 1024
bedroom_0065 1027 bedroom_0066 1029 bedroom_0067 1032 bedroom_0068 1035 bedroom_0069 1038
bedroom_0070 1040 bedroom_0071 1044 bedroom_0072 1048 bedroom_0073 1050 bedroom_0074 1052
bedroom_0075 1054 bedroom_0076 1057 bedroom_0077 1059 bedroom_0078 1062 bedroom_0079 1066
bedroom_0080 1070 bedroom_0081 1073 bedroom_0082 1075 bedroom_0083 1077 bedroom_0084 1081
bedroom_0085 1085 bedroom_0086 1088 bedroom_0087 1091 bedroom_0088 1094 bedroom_0089 1097
bedroom_0090 1098 bedroom_0091 1100 bedroom_0092 1103 bedroom_0093 1105 bedroom_0094 1106
bedroom_0095 1110 bedroom_0096 1113 bedroom_0097 1115 bedroom_0098 1117 bedroom_0099 1120
bedroom_0100 1123 bedroom_0101 1127 bedroom_0102 1129 bedroom_0103 1132 bedroom_0104 1135
bedroom_0105 1137 bedroom_0106 1141 bedroom_0107 1144 bedroom_0108 1147 bedroom_0109 1150
bedroom_0110 1153 bedroom_0111 1156 bedroom_0112 1159 bedroom_0113 1162 bedroom_0114 1165
bedroom_0115 1168 bedroom_0116 1170 bedroom_0117 1172 bedroom_0118 1174 bedroom_0119 1177
bedroom_0120 1179 bedroom_0121 1181 bedroom_0122 1183 bedroom_0123 1185 bedroom_0124 1187
bedroom_0125 1190 bedroom_0126 1192 bedroom_0127 1195 bedroom_0128 1197 bedroom_0129 1199
bedroom_0130 1201 living_room_0025 1204 living_room_0026 1206 living_room_0027 1209
living_room_0028 1213 living_room_0029 1216 living_room_0030 1218 living_room_0031 1221
living_room_0032 1224 living_room_0033 1226 living_room_0034 1231 living_room_0035 1233
living_room_0036 1236 living_room_0037 1238 living_room_0038 1241 living_room_0039 1244
living_room_0040 1247 living_room_0041 1251 living_room_0042 1254 living_room_0043 1258
living_room_0044 1262 living_room_0045 1266 living_room_0046 1271 living_room_0047 1275
living_room_0048 1277 living_room_0049 1281 living_room_0050 1285 living_room_0051 1289
living_room_0052 1291 living_room_0053 1294 living_room_0054 1296 living_room_0055 1297
living_room_0056 1298 living_room_0057 1300 living_room_0058 1302 living_room_0059 1306
living_room_0060 1308 living_room_0061 1309 living_room_0062 1312 living_room_0063 1314
living_room_0064 1315 living_room_0066 1316 living_room_0067 1317 living_room_0068 1320
living_room_0069 1324 living_room_0070 1327 living_room_0071 1329 living_room_0072 1330
living_room_0075 1332 living_room_0076 1333 living_room_0078 1335 living_room_0079 1338
living_room_0080 1341 dining_room_0001 1346 dining_room_0002 1347 dining_room_0003 1350
dining_room_0004 1353 dining_room_0005 1355 dining_room_0006 1357 dining_room_0007 1361
dining_room_0008 1364 dining_room_0009 1366 dining_room_0010 1368 dining_room_0011 1370
dining_room_0012 1372 dining_room_0013 1376 dining_room_0014 1378 dining_room_0015 1382
dining_room_0016 1384 dining_room_0017 1387 dining_room_0018 1392 dining_room_0019 1394
dining_room_0020 1397 dining_room_0021 1400 dining_room_0022 1402 dining_room_0023 1404
dining_room_0024 1407 dining_room_0025 1412 dining_room_0026 1415 dining_room_0028 1417
dining_room_0029 1421 dining_room_0030 1425 dining_room_0031 1430 dining_room_0032 1434
dining_room_0033 1437 dining_room_0034 1441 dining_room_0035 1444 dining_room_0036
""".split()  # noqa: SIM905 (a literal list would be ten times as many lines)
FIRST, SCENES = [int(word) for word in RUNS[::2]], RUNS[1::2]


def group(number: int) -> str:
    """The group of a labelled frame, counted from 1: that of its scene, "nyuv2:kitchen_0004".

    A number that NYUv2 does not have is a group of its own.
    """
    if not 1 <= number <= FRAMES:
        return f"nyuv2:frame {number}"
    return f"nyuv2:{SCENES[bisect_right(FIRST, number) - 1]}"
