"""Prompts: English, complete, every wording reachable, and no misread colours."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from transforms import depth, edit, generate, refer, semantic
from transforms.parts import colours
from vbdata import plugins
from vbdata.core.english import plural, sentence, series
from vbdata.core.prompts import (
    Choice,
    Slot,
    Text,
    Wording,
    phrase,
    prompt,
    prompt_digest,
    read,
    templates,
    wording,
)
from vbdata.core.reversal import WORDS
from vbdata.core.rng import Stream, T
from vbdata.core.types import ClassFact, Entry, Expression
from vbdata.errors import BadSample

PALETTES = (depth.WALK, *depth.OTHERS)
TASKS = [*plugins.names(plugins.TASKS), WORDS]
MOST = {"generate": 24, WORDS: 20}  # fewest templates of a task; 36 for the others
CLASSES = (
    "car", "tree", "traffic light", "hair drier", "sky", "person", "wine glass", "skis", "tv",
    "wall-brick", "pole", "night stand", "teddy bear", "road", "rider", "grass", "fence", "river",
    "door/window", "fire hydrant", "floor",
)  # fmt: skip
ODD = ("jar, lid", 'the "big" one', "salt and pepper", "men's room", "box: open", "a {b} [c|d]")
THINGS = ("person", "bus", "scissors", "traffic light", "hair drier", "knife", "tv", "skis")
EXPRESSIONS = (
    "the man on the left",
    "woman in white shirt",
    "blue car, far right",
    "a red umbrella",
)
CAPTIONS = (
    "a man riding a wave on top of a surfboard",
    "Two dogs play in the snow. ",
    'A sign that says "Stop!"',
    "a kitchen with a stove, a sink and a window",
)
INSTRUCTIONS = (
    "make the car red",
    "Add a dog.",
    "turn it into an oil painting..",
    "what if it rains?",
)
PICTURES = (
    "metric depth map in the palette plasma",
    "instance map of all buses",
    'map of regions in the colours {"car": "#ff0000"}',
)
STYLES = colours.FORMATS

ARTICLE = r"(a|an|the|this|these|each|every|its)"
FAULTS = {
    "spaces": r"\s\s|^\s|\s$|[\n\t]|\s[.,;:!?)]|\(\s",
    "a word twice": r"\b([a-z]+) \1\b",
    "two articles": rf"\b{ARTICLE} {ARTICLE}\b",
    "a for an": r"\ba (?!uni|use|one\b|eu)[aeiou]",
    "an for a": r"\ban (?![aeiou]|hour|rgb)",
    "punctuation": r"[.,;:!?] ?[.,;:!?]",
    "lower case": r"[.!?] [a-z]",
    "many is": r"\b(areas|pixels|classes|instances|surfaces|points) (is|has|was|stays|becomes)\b",
    "one are": r"\b(everything else|the rest|background|all else|listed here) (are|stay|have)\b",
    "each are": r"\b(each|every)( one| pixel| class| instance)? (are|have|show)\b",
    "this many": r"\b(this|a|an|each|every) (colours|masks|pixels|classes|instances|images)\b",
    "these one": r"\b(these|all|many) (colour|mask|pixel|class|instance|image)\b",
}


def slots(task: str, rng: Stream) -> dict[str, str]:
    """What a task might say, with one or many and with odd names."""
    style = rng.choice(STYLES)
    count = rng.choice((1, 2, 5, 16 if style == "name" else 20))
    names = rng.shuffled(CLASSES)[:count]
    if rng.integer(4) == 0:
        names[0] = rng.choice(ODD)
    pool = list(colours.NAMED.values()) if style == "name" else list(colours.lattice())
    first = rng.integer(len(pool))
    legend = list(zip(names, (pool[first:] + pool[:first])[:count], strict=True))
    chosen = rng.shuffled(EXPRESSIONS)[: 1 + rng.integer(3)]
    pairs = [
        f"{e} in {colours.say(rgb, style)}" for e, (_, rgb) in zip(chosen, legend, strict=False)
    ]
    values = {
        "legend": lambda: colours.say_legend(legend, style, rng),
        "background": lambda: phrase(task, "backgrounds", rng.choice(("black", "unsaid")), rng),
        "scale": lambda: phrase(
            task, "scales", rng.choice([*wording(task).phrases["scales"]]), rng
        ),
        "picture": lambda: rng.choice(PICTURES),
        "wheel": lambda: phrase(task, "wheels", "phases", rng),
        "target": lambda: phrase(task, "targets", rng.choice(("given", "unseen")), rng),
        "longest": lambda: "256 pixels",
        "mark": lambda: phrase(task, "marks", "discs", rng),
        "what": lambda: rng.choice((f"all {plural(rng.choice(THINGS))}", '"the left dog"')),
        "how": lambda: "a box around each, outlined in #ff0000",
        "plural": lambda: plural(rng.choice(THINGS)),
        "pairs": lambda: series(pairs),
        "instruction": lambda: sentence(rng.choice(INSTRUCTIONS)),
        "caption": lambda: sentence(rng.choice(CAPTIONS)),
    }
    return {name: values[name]() for name in sorted(wording(task).slots)}


def faults(text: str, said: dict[str, str]) -> list[str]:
    """What is wrong with a prompt's English; text in quotation marks is not judged."""
    bare = text
    for value in said.values():
        bare = bare.replace(value, "X") if value else bare
    judged = re.sub(r"(\"|').*?\1", "Q", text.replace("men's", "Q")).lower()
    judged = re.sub(r"<.*?>", "Q", judged)
    found = [
        name for name, fault in FAULTS.items() if name != "lower case" and re.search(fault, judged)
    ]
    found += ["lower case"] * bool(re.search(FAULTS["lower case"], text))
    found += ["unfilled"] * bool(re.search(r"[][{}|]", bare))
    found += ["start"] * (not text[0].isupper())
    found += ["end"] * (not re.search(r"[.?!]\"?$", text))
    found += ["brackets"] * (text.count("(") != text.count(")"))
    if "plural" in said:
        found += ["number"] * bool(re.search(rf"\b{said['plural']} (is|has|was|shows)\b", text))
    return found


def every(text: Text) -> Iterator[Text]:
    """All that a template can become, with its slots left open."""
    options = [
        [tuple(v) for option in part.options for v in every(option)]
        if isinstance(part, Choice)
        else [(part,)]
        for part in text
    ]
    for parts in itertools.product(*options):
        yield tuple(itertools.chain.from_iterable(parts))


def filled(text: Text, said: dict[str, str]) -> str:
    return "".join(said[part.name] if isinstance(part, Slot) else str(part) for part in text)


def choices(text: Text) -> Iterator[Choice]:
    for part in text:
        if isinstance(part, Choice):
            yield part
            for option in part.options:
                yield from choices(option)


class Recorder(Stream):
    """A stream that notes what it chose, and from what."""

    def __init__(self, *names: str | int) -> None:
        super().__init__(*names)
        self.taken: set[tuple[int, int]] = set()

    def choice(self, items: Sequence[T]) -> T:
        place = self.integer(len(items))
        self.taken.add((id(items), place))
        return items[place]


@pytest.mark.parametrize(
    "text",
    [
        "Draw  this.", "Draw this. ", "Draw this .", "Draw the the car.", "Draw the a car.",
        "Draw a image.", "Draw an car.", "Draw this..", "Draw this:.", "Draw it. use black.",
        "All areas is black.", "Everything else are black.", "Each pixel are red.",
        "Show each masks.", "Show all mask.", "Draw {legend}.", "Draw [a|b].", "draw this.",
        "Draw this", "Draw (this.", "The buses is red.",
    ],
)  # fmt: skip
def test_faults_are_found(text: str) -> None:
    assert faults(text, {"plural": "buses"})


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_drawn_prompts_are_english(task: str) -> None:
    assert len(templates(task)) >= MOST.get(task, 36)
    seen = set()
    for k in range(3000):
        rng = Stream(task, k)
        said = slots(task, rng)
        text = prompt(task, rng, **said)
        assert not faults(text, said), text
        assert all(value in text for value in said.values()), text
        seen.add(text)
    assert len(seen) >= 200


@pytest.mark.parametrize("task", TASKS)
def test_every_wording_is_english(task: str) -> None:
    """Not a sample: all alternatives of all templates, then all of all phrases."""
    texts = [v for turn in dict.fromkeys(wording(task).turns) for v in every(turn)]
    assert len({filled(v, dict.fromkeys(wording(task).slots, "X")) for v in texts}) == len(texts)
    for k, text in enumerate(texts):
        said = slots(task, Stream("all", task, k))
        assert not faults(filled(text, said), said), filled(text, said)
    for name, keys in wording(task).phrases.items():
        for option in (v for found in keys.values() for tree in found for v in every(tree)):
            said = slots(task, Stream("phrases", task)) | {name[:-1]: filled(option, {})}
            text = prompt(task, Stream(task), **said)
            assert not faults(text, said), text


@pytest.mark.parametrize("task", TASKS)
def test_every_template_and_alternative_comes_up(task: str) -> None:
    words = wording(task)
    rng = Recorder("reach", task)
    drawn = [prompt(task, rng, **dict.fromkeys(words.slots, "")) for _ in range(12_000)]
    keys = [(name, key) for name, keys in words.phrases.items() for key in keys]
    drawn += [phrase(task, name, key, rng) for name, key in keys for _ in range(1000)]
    groups = [words.turns, *(found for keys in words.phrases.values() for found in keys.values())]
    lists: list[Sequence[object]] = [*groups]
    lists += [choice.options for group in groups for text in group for choice in choices(text)]
    wanted = {(id(items), place) for items in lists for place in range(len(items))}
    assert wanted <= rng.taken


def test_a_caption_or_an_instruction_often_stands_alone() -> None:
    for task, slot, share in (("generate", "caption", 0.49), ("edit", "instruction", 0.33)):
        alone = [prompt(task, Stream("alone", k), **{slot: "X."}) == "X." for k in range(3000)]
        assert sum(alone) / len(alone) == pytest.approx(share, abs=0.03)


def test_the_slots_given_must_be_those_of_the_file() -> None:
    with pytest.raises(KeyError, match="background, plural; given: background"):
        prompt("instance", Stream(0), background="")
    with pytest.raises(KeyError, match="slots none; given: scale"):
        prompt("normals", Stream(0), scale="in grey")


def test_phrases_that_are_not_there() -> None:
    with pytest.raises(
        KeyError, match=r"depth\.yaml has no scales for 'plasm'; did you mean 'plasma'"
    ):
        phrase("depth", "scales", "plasm", Stream(0))
    with pytest.raises(KeyError, match="no sizes for 'big'"):
        phrase("depth", "sizes", "big", Stream(0))


@pytest.mark.parametrize("value", ["A [b|c] {d}.", "{caption}", r"\1 \g<0>", "50 % {} []"])
def test_slots_are_not_expanded(value: str) -> None:
    assert all(value in prompt("generate", Stream(k), caption=value) for k in range(200))


DARK_TO_LIGHT = {
    "rgb-cube": ["black", "red", "yellow", "green", "cyan", "blue", "magenta", "white"],
    "plasma": ["plasma", "blue", "yellow"],
    "inferno": ["inferno", "black", "pale yellow|light yellow"],
    "viridis": ["viridis", "purple", "yellow"],
    "grey": ["grey", "black", "white"],
}


@pytest.mark.parametrize("palette", PALETTES)
def test_depth_prompts_name_the_palette_and_its_near_end(palette: str) -> None:
    assert set(wording("depth").phrases["scales"]) == set(PALETTES)
    for tree in wording("depth").phrases["scales"][palette]:
        for text in (filled(option, {}) for option in every(tree)):
            assert re.search(".*?".join(DARK_TO_LIGHT[palette]), text), text
            assert re.search(r"\b(near|nearest|close|closest)\b.*\b(far|farthest|infinity)\b", text)
            assert not re.search(r"\bfar.*\bnear", text), text
            assert re.match(r"(in|on|with|using) ", text), text
            others = set(PALETTES) - {palette}
            assert not any(other in text for other in others), text


def test_depth_templates_name_no_colour_and_end_with_the_scale() -> None:
    assert all(text.endswith("{scale}.") for text in templates("depth"))
    assert not any(re.search("black|white|grey|plasma", text) for text in templates("depth"))


def test_normals_prompts_name_three_directions() -> None:
    for turn in wording("normals").turns:
        for text in (filled(option, {}) for option in every(turn)):
            for word in ("pinkish red", "light green", "light blue", "left", "camera|viewer"):
                assert re.search(word, text, re.IGNORECASE), text
            assert re.search(r"\bup|floors", text), text


@pytest.mark.parametrize("task", ["semantic", "instance", "refer"])
def test_backgrounds(task: str) -> None:
    for k in range(300):
        said = phrase(task, "backgrounds", "black", Stream(k))
        assert re.fullmatch(r" [A-Z][^.]*\bblack\b[^.]*\.", said), said
        assert phrase(task, "backgrounds", "unsaid", Stream(k)) == ""


COCO = (
    "person people, bicycle bicycles, car cars, motorcycle motorcycles, airplane airplanes, bus "
    "buses, train trains, truck trucks, boat boats, traffic_light traffic_lights, fire_hydrant "
    "fire_hydrants, stop_sign stop_signs, parking_meter parking_meters, bench benches, bird birds, "
    "cat cats, dog dogs, horse horses, sheep sheep, cow cows, elephant elephants, bear bears, "
    "zebra zebras, giraffe giraffes, backpack backpacks, umbrella umbrellas, handbag handbags, "
    "tie ties, suitcase suitcases, frisbee frisbees, skis skis, snowboard snowboards, sports_ball "
    "sports_balls, kite kites, baseball_bat baseball_bats, baseball_glove baseball_gloves, "
    "skateboard skateboards, surfboard surfboards, tennis_racket tennis_rackets, bottle bottles, "
    "wine_glass wine_glasses, cup cups, fork forks, knife knives, spoon spoons, bowl bowls, banana "
    "bananas, apple apples, sandwich sandwiches, orange oranges, broccoli broccoli_florets, carrot "
    "carrots, hot_dog hot_dogs, pizza pizzas, donut donuts, cake cakes, chair chairs, couch "
    "couches, potted_plant potted_plants, bed beds, dining_table dining_tables, toilet toilets, "
    "tv TVs, laptop laptops, mouse mice, remote remotes, keyboard keyboards, cell_phone "
    "cell_phones, microwave microwaves, oven ovens, toaster toasters, sink sinks, refrigerator "
    "refrigerators, book books, clock clocks, vase vases, scissors scissors, teddy_bear "
    "teddy_bears, hair_drier hair_driers, toothbrush toothbrushes"
)
STREETS_AND_ROOMS = (
    "rider riders, caravan caravans, trailer trailers, traffic_sign traffic_signs, pole poles, "
    "building buildings, wall walls, fence fences, tunnel tunnels, bridge bridges, cabinet "
    "cabinets, sofa sofas, table tables, door doors, window windows, bookshelf bookshelves, "
    "picture pictures, counter counters, blinds blinds, desk desks, shelves shelves, shelf "
    "shelves, curtain curtains, curtains curtains, dresser dressers, pillow pillows, mirror "
    "mirrors, floor_mat floor_mats, clothes clothes, ceiling ceilings, television televisions, "
    "paper papers, towel towels, shower_curtain shower_curtains, box boxes, whiteboard "
    "whiteboards, night_stand night_stands, lamp lamps, bathtub bathtubs, bag bags, otherstructure "
    "otherstructures, otherfurniture otherfurniture, otherprop otherprops, glasses glasses, "
    "trousers trousers, jeans jeans, stairs stairs, headphones headphones"
)
OTHERS = (
    "man men, woman women, snowman snowmen, human humans, ottoman ottomans, child children, toy "
    "toys, berry berries, leaf leaves, loaf loaves, wolf wolves, scarf scarves, roof roofs, life "
    "lives, dress dresses, lens lenses, cactus cactuses, fish fish, goldfish goldfish, deer deer, "
    "aircraft aircraft, tooth teeth, goose geese, mongoose mongooses, potato potatoes, photo "
    "photos, people people, mice mice, Person People, Car Cars, pair_of_shoes pairs_of_shoes, "
    "glass_of_wine glasses_of_wine, men's_shoe men's_shoes, quiche quiches, watch watches, "
    "bow_(weapon) bows_(weapon), glass_of_wine_(red) glasses_of_wine_(red)"
)


@pytest.mark.parametrize("pairs", [COCO, STREETS_AND_ROOMS, OTHERS], ids=["COCO", "rooms", "more"])
def test_plurals(pairs: str) -> None:
    for pair in pairs.split(", "):
        one, many = (word.replace("_", " ") for word in pair.split())
        assert plural(one) == many
        assert plural(many) == many


def test_all_things_of_coco_are_tested() -> None:
    assert len(COCO.split(", ")) == 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make the car red", "Make the car red."),
        ("Make the car red.", "Make the car red."),
        ("  add\n a  dog ..", "Add a dog."),
        ("what if it rains?", "What if it rains?"),
        ("Look!!", "Look!!"),
        ('a sign that says "Stop."', 'A sign that says "Stop."'),
        ('a sign that says "Stop"', 'A sign that says "Stop".'),
        ("two dogs (one asleep)", "Two dogs (one asleep)."),
        ("iPhone on a table", "iPhone on a table."),
        ("2 cats,", "2 cats."),
        ("and so on ...", "And so on."),
        ("élan", "Élan."),
        ("a [b|c] {d}", "A [b|c] {d}."),
        ("a cat on a\u2026", "A cat on a\u2026"),
        ("what it says:", "What it says:"),
        ("一只猫。", "一只猫。"),
        ("一只猫", "一只猫。"),
        ("猫ですか\uff1f", "猫ですか\uff1f"),
        ("猫\uff01", "猫\uff01"),
        ("一只猫\uff0c", "一只猫。"),
        ("یہ ایک بلی ہے\u06d4", "یہ ایک بلی ہے\u06d4"),
        ("هل هذا قط\u061f", "هل هذا قط\u061f"),
        ("यह एक बिल्ली है।", "यह एक बिल्ली है।"),
        ("ድመት።", "ድመት።"),
        ("https://a.b/c", "https://a.b/c"),
        ("www.example.org shows a cat", "www.example.org shows a cat."),
        ("a sign with https://a.b/c?d=e", "A sign with https://a.b/c?d=e"),
        ("mail me@here.org", "Mail me@here.org"),
        ("example.com", "example.com"),
        ("e.g. a cat", "E.g. a cat."),
        ("the end of the pier.a man", "The end of the pier.a man."),
        ("კატა", "კატა."),
        (" . ", ""),
        ("", ""),
    ],
)
def test_sentences(text: str, said: str) -> None:
    assert sentence(text) == said
    assert sentence(said) == said


def test_texts_that_stay_as_they_are() -> None:
    texts = {"sks dog", "https://a.b/c", "一只猫。", "a cat\u2026", "a photo of TOK,", "no:"}
    entry = a_text_entry(captions=tuple(sorted(texts)), instructions=tuple(sorted(texts)))
    rngs = [Stream(1, "ask", str(n)) for n in range(60)]
    asked = [generate.ask(entry, rng, captions="verbatim") for rng in rngs]
    assert {ask.instruction for ask in asked} == texts
    assert all(ask.params == {"caption": ask.instruction} for ask in asked)
    asked = [edit.ask(entry, rng, instructions="verbatim") for rng in rngs]
    assert {ask.instruction for ask in asked} == texts
    assert all(ask.params == {"instruction": ask.instruction} for ask in asked)


@pytest.mark.parametrize(
    ("module", "option"), [(generate, "captions"), (edit, "instructions")], ids=["generate", "edit"]
)
def test_texts_that_say_nothing(module: Any, option: str) -> None:
    entry = a_text_entry(captions=(" .",), instructions=(" ,",))
    for value in ("sentence", "verbatim"):
        module.check_options(**{option: value})
        with pytest.raises(BadSample, match="says nothing"):
            module.ask(entry, Stream(1, "ask"), **{option: value})
    with pytest.raises(ValueError, match="did you mean 'verbatim'"):
        module.check_options(**{option: "verbatm"})


def a_text_entry(**texts: Any) -> Entry:
    """An entry that has nothing but texts."""
    return Entry(
        id="a", group="a", width=1, height=1, license="", files={}, labels=("captions",), **texts
    )


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a in (1, 2, 3)", "b in <1, 2, 3>", "c"], "a in (1, 2, 3), b in <1, 2, 3> and c"),
        (["a, left, in red", "b in blue"], "a, left, in red; and b in blue"),
    ],
)
def test_series(items: list[str], said: str) -> None:
    assert series(items) == said


def test_colours_in_words() -> None:
    orange = (255, 128, 0)
    said = [colours.say(orange, style) for style in STYLES]
    assert said == [
        "orange", "#ff8000", "#FF8000", "(255, 128, 0)", "<255, 128, 0>", "RGB(255, 128, 0)",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"\(1, 2, 3\) has no name"):
        colours.say((1, 2, 3), "name")
    with pytest.raises(ValueError, match="unknown format of a colour 'cmyk'"):
        colours.say(orange, "cmyk")


def rgb_of(text: str) -> colours.Rgb:
    if text in colours.NAMED:
        return colours.NAMED[text]
    if text.startswith("#"):
        r, g, b = bytes.fromhex(text[1:])
    else:
        r, g, b = map(int, re.fullmatch(r"(?:RGB\(|\(|<)(\d+), (\d+), (\d+)[)>]", text).groups())  # type: ignore[union-attr]
    return r, g, b


def legend_of(text: str) -> tuple[str, list[tuple[str, colours.Rgb]]]:
    """The shape of a legend's text, and the legend: what a careful reader makes of it."""
    if text.startswith("{"):
        shape, table = ("json", json.loads) if text.startswith('{"') else ("dict", ast.literal_eval)
        try:
            found = table(text)
        except json.JSONDecodeError:
            shape, found = "dict", ast.literal_eval(text)
        return shape, [(n, rgb_of(c) if isinstance(c, str) else c) for n, c in found.items()]
    colour = r"#\w{6}|[(<][\d, ]+[)>]|RGB\([\d, ]+\)|" + "|".join(
        sorted(colours.NAMED, key=len)[::-1]
    )
    name = r"[\w /.'-]+?"
    for shape, pair, between in (
        ("in", rf"(?P<n>{name}) in (?P<c>{colour})", ", | and "),
        ("for", rf"(?P<c>{colour}) for (?P<n>{name})", ", | and "),
        ("colon", rf"(?P<n>{name}): (?P<c>{colour})", "; "),
        ("arrow", rf"(?P<n>{name}) -> (?P<c>{colour})", ", "),
    ):
        if re.search(f"^{re.sub('[?]P<.>', '?:', pair)}(?:{between}|$)", text):
            matches = re.finditer(rf"{pair}(?:{between}|$)", text)
            return shape, [(m["n"], rgb_of(m["c"])) for m in matches]
    raise AssertionError(text)


@pytest.mark.parametrize("count", [1, 2, 16, 20])
@pytest.mark.parametrize("style", STYLES)
def test_a_legend_reads_back_in_every_shape(style: str, count: int) -> None:
    shapes: Counter[str] = Counter()
    count = min(count, 16) if style == "name" else count
    pool = list(colours.NAMED.values()) if style == "name" else list(colours.lattice())
    for k in range(400):
        rng = Stream(style, count, k)
        names = rng.shuffled(CLASSES)[:count]
        legend = list(zip(names, colours.draw(count, rng, pool), strict=True))
        shape, found = legend_of(colours.say_legend(legend, style, rng))
        assert found == legend
        shapes[shape] += 1
    assert shapes.keys() == {"json", "dict", "in", "for", "colon", "arrow"}
    assert shapes["json"] / 400 == pytest.approx(0.25, abs=0.07)


@pytest.mark.parametrize("odd", [*ODD, "made in", "café,", "car.", "", "x -> y", "back\\slash"])
def test_odd_class_names_are_quoted(odd: str) -> None:
    legend = [(odd, (255, 0, 0)), ("car", (0, 255, 0))]
    for k in range(60):
        shape, found = legend_of(colours.say_legend(legend, "hex", Stream(odd, k)))
        assert found == legend
        assert shape in ("json", "dict") or odd == "men's room"


def test_a_prompt_says_the_legend_of_the_params() -> None:
    facts = tuple(ClassFact(name=n, thing=False, instances=0, smallest=0) for n in CLASSES[:7])
    texts = (*EXPRESSIONS[:2], 'the "odd" one')
    expressions = tuple(Expression(text=t, targets=(k,)) for k, t in enumerate(texts))
    entry = Entry(
        id="e", group="g", width=9, height=9, license="", files={}, labels=(), classes=facts,
        expressions=expressions,
    )  # fmt: skip
    for task, k in itertools.product((semantic, refer), range(300)):
        ask = task.ask(entry, Stream(task.__name__, k), vocabulary=(("boat", True), ("kite", True)))
        for item in ask.params["legend"]:
            rgb = tuple(item["rgb"])
            styles = STYLES if rgb in colours.NAMED.values() else STYLES[1:]
            assert item["name"] in ask.instruction
            assert any(colours.say(rgb, style) in ask.instruction for style in styles)


GOOD = "version: 1\nslots: {thing: a thing}\n"


def test_a_file_is_read() -> None:
    words = read(
        "x.yaml", GOOD + "templates: ['[A|The] {thing}.', {'{thing}': 3}]\nthings: {k: [a]}"
    )
    assert isinstance(words, Wording)
    assert words.templates == ("[A|The] {thing}.", "{thing}")
    assert [len(turn) for turn in words.turns] == [4, 1, 1, 1]
    assert words.phrases == {"things": {"k": (("a",),)}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "the file must be a mapping"),
        ("a: [", "x.yaml: while parsing"),
        ("templates: [A.]", "version must be an integer from 1, not None"),
        ("version: yes\ntemplates: [A.]", "version must be an integer from 1, not True"),
        ("version: 1", "templates must be a list of at least one text, not None"),
        (GOOD + "templates: []", "templates must be a list of at least one text"),
        (GOOD + "templates: ['{thing}']\ntemplats: [a]", "unknown key 'templats'. Known: version"),
        (GOOD + "templates: ['{thing}']\nthings: {k: []}", "things: k must be a list of at least"),
        (GOOD + "templates: ['{thing}']\nthings: {k: [a, a]}", "things: k has a phrase twice"),
        (GOOD + "templates: ['{thing}']\nthings: {k: [3]}", "things: k: a phrase is a text, not 3"),
        (GOOD + "templates: ['{thing}']\nthings: {k: ['{thing}']}", r"must have \[\]"),
        (GOOD + "templates: ['{thing}', '{thing}']", "is empty or repeated"),
        (GOOD + "templates: [{'{thing}': 0}]", "its weight 0 < 1"),
        (GOOD + "templates: [{'{thing}': a}]", "one text and its weight"),
        (GOOD + "templates: ['A {thin}.']", r"'A \{thin\}.': has the slots \['thin'\]"),
        (GOOD + "templates: ['A.']", r"'A.': has the slots \[\], must have \['thing'\], each once"),
        (GOOD + "templates: ['{thing} {thing}']", "each once"),
        (GOOD + "templates: ['[A|{thing}]']", "alternatives of one choice have different slots"),
        (GOOD + "templates: ['[A|B {thing}']", r"'\[A\|B \{thing\}': '\[' without '\]'"),
        (GOOD + "templates: ['A] {thing}']", "stray ']'"),
        (GOOD + "templates: ['A|B {thing}']", r"stray '\|'"),
        (GOOD + "templates: ['{Thing}']", "stray '{'"),
        (GOOD + "templates: ['[A] {thing}']", "stands alone or twice in its brackets"),
        (GOOD + "templates: ['[A|B|A] {thing}']", "stands alone or twice in its brackets"),
    ],
)
def test_a_malformed_file_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read("x.yaml", text)
    assert str(caught.value).startswith("x.yaml: ")


def test_files_have_a_version_and_the_digest_is_of_all() -> None:
    assert all(wording(task).version >= 1 for task in TASKS)
    assert re.fullmatch(r"[0-9a-f]{64}", prompt_digest())
