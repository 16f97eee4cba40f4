"""The word lists from which the small world is drawn.

Every name and company is invented. Lists of guessable values are long enough
that a blind guess is right about once in forty times.
"""

FIRST_NAMES: tuple[str, ...] = tuple(
    """
    Adela Alaric Amara Anselm Arlo Beata Benno Bjarne Carina Casper Celia Corvin
    Dalia Darian Edda Elio Elvira Emeric Fabia Falk Fenja Gerwin Gisela Hanno
    Hedda Ilva Ivo Jasna Jorin Kalle Katja Lasse Leona Lorin Maite Malin Marek
    Nadia Nils Odila Orell Petra Quirin Ragna Rurik Selma Tamsin Ulf Vera Wenzel
    """.split()
)

SURNAMES: tuple[str, ...] = tuple(
    """
    Abelthorn Askeland Bramwick Brennagel Calloway Castelbark Dornfeld Drevanik
    Eibental Elmsgard Falkenrath Fernholt Garrivane Grauwinkel Halvorstad Harkwell
    Islebrand Jarnvik Kaltenmoor Kestrelby Lindqvarn Lorimark Marrowby Mistelbach
    Nachtweih Norrgate Oakenrow Ostervald Pellworm Quistgard Ravensholt Rosental
    Sallowfield Steenwyk Tarnbeck Thistlewood Uhlenhorst Vandermoor Wexcombe Zellerby
    """.split()
)

CITIES: tuple[str, ...] = tuple(
    """
    Aldermoor Ashcastle Bellhaven Birkenau Brightwater Coldharbour Cressford Dunmere
    Eastvale Elderbrook Fairhollow Felsenburg Glasswick Goldhafen Greystone Hartmouth
    Highmarsh Ironbridge Juniper Kingsferry Lakeshore Lindenau Longmeadow Marlstadt
    Millbrook Northwold Oldenkirk Pinecrest Portgate Quarrytown Redcliff Rosenheim
    Saltmarsh Seabrook Silverton Stonegate Thornbury Underwood Westerfeld Wolfsbrunn
    """.split()
)

JOBS: tuple[str, ...] = tuple(
    """
    accountant actuary archivist baker barber botanist brewer butcher carpenter
    cartographer chemist cobbler composer dentist diver editor electrician engraver
    farmer florist gardener geologist glazier jeweller judge librarian locksmith
    mason midwife notary optician painter pharmacist plumber potter surveyor tailor
    translator violinist weaver
    """.split()
)

EMPLOYERS: tuple[str, ...] = tuple(
    f"{name} {kind}"
    for name, kind in zip(
        """
        Arden Basalt Cobalt Delphin Ember Fathom Garnet Hollow Indigo Juno Kepler
        Lumen Mistral Nimbus Onyx Pallas Quartz Rowan Sable Tundra Umber Vesper
        Willow Xenon Yarrow Zephyr Amber Beacon Cedar Dynamo Everest Falcon Granite
        Harbor Iris Jasper Kestrel Lotus Meridian Nova
        """.split(),
        ("Works", "Group", "Labs", "Partners") * 10,
        strict=True,
    )
)

HOBBIES: tuple[str, ...] = tuple(
    """
    archery astronomy baking beekeeping birding boxing calligraphy canoeing carving
    chess climbing cooking curling cycling dancing darts drawing fencing fishing
    gliding hiking juggling karate kayaking knitting origami photography pottery
    puzzles quilting reading rowing running sailing singing skating sketching surfing
    swimming yoga
    """.split()
)

SYLLABLES: tuple[str, ...] = tuple(
    "ba be bi bo da de di do ka ke ki ko la le li lo ma me mi mo na ne ni no".split()
)
"""Building blocks of random e-mail handles; carry no meaning."""
