//! What Larkmoor sells.

pub struct SeedCategory {
    pub slug: &'static str,
    pub name: &'static str,
    pub blurb: &'static str,
}

pub struct SeedProduct {
    pub category: i64,
    pub slug: &'static str,
    pub name: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub material: &'static str,
    pub size: &'static str,
    pub price_cents: i64,
    pub stock: i64,
}

const fn category(slug: &'static str, name: &'static str, blurb: &'static str) -> SeedCategory {
    SeedCategory { slug, name, blurb }
}

pub const CATEGORIES: [SeedCategory; 5] = [
    category("tableware", "Tableware", "Stoneware thrown and glazed by hand, made to be used every day."),
    category("kitchen", "Kitchen", "Boards, pots and tools that last longer than the recipe."),
    category(
        "textiles",
        "Textiles",
        "Washed linen and moorland wool in colours that get on with each other.",
    ),
    category("lighting", "Lighting", "Soft light for long evenings."),
    category("garden", "Garden", "Honest tools and pots for a balcony, a border or a whole field."),
];

/// A row of the table below: category, slug, name, summary, description, material, size, cents, stock.
type Row =
    (i64, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str, i64, i64);

#[rustfmt::skip]
const ROWS: [Row; 24] = [
    (1, "peat-mug", "Peat mug", "A broad mug with a thumb rest, in a dark speckled glaze.", "Thrown in one piece and finished with a pulled handle wide enough for three fingers. The peat glaze breaks to rust at the rim, so no two are quite alike.", "Stoneware, lead-free glaze", "9 cm tall, 350 ml", 2_400, 42),
    (1, "tarn-bowl", "Tarn bowl", "A deep everyday bowl for soup, porridge and noodles.", "Named after the small lakes above our workshop. The inside pools to a clear blue-green, the outside is left bare and silky.", "Stoneware, lead-free glaze", "16 cm across, 700 ml", 2_800, 35),
    (1, "heather-plate", "Heather plate", "A dinner plate with a raised rim and a soft violet wash.", "Flat enough for a knife and deep enough for sauce. Stacks neatly, and goes from oven to table up to 180 °C.", "Stoneware, lead-free glaze", "26 cm across", 3_200, 28),
    (1, "curlew-jug", "Curlew jug", "A slender pouring jug that does not drip.", "The lip is cut, not pressed, which is why it pours cleanly to the last drop. It makes a fine vase on the days between.", "Stoneware, lead-free glaze", "22 cm tall, 1.1 l", 4_600, 16),
    (1, "drift-vase", "Drift vase", "A narrow-necked vase for two or three stems.", "Made for branches, grasses and whatever the hedge has to offer. Glazed inside and sealed, so it will not mark your table.", "Stoneware, matt glaze", "19 cm tall", 3_800, 21),
    (2, "ash-board", "Ash chopping board", "End-grain ash, thick enough to be planed again in ten years.", "Cut from storm-felled ash and oiled three times. A groove on one side keeps the juice where it belongs; the other is plain for bread.", "Ash, food-safe oil", "42 × 28 × 4 cm", 5_900, 18),
    (2, "ember-kettle", "Ember kettle", "A stove-top kettle with a beech handle that stays cool.", "Works on gas, induction and an open fire. The whistle can be lifted off for those who get up before the rest of the house.", "Enamelled steel, beech", "1.8 l", 6_900, 12),
    (2, "mortar-and-pestle", "Granite mortar", "A heavy mortar with a rough heart for pesto and spice.", "Turned from one block. Season it once with rice and it will be ready for the next forty years.", "Granite", "14 cm across, 3.2 kg", 4_900, 14),
    (2, "spoon-trio", "Cherry spoon trio", "Three stirring spoons, carved from one branch.", "A long one for the pot, a flat one for the pan and a small one for the tasting. Oil them now and then.", "Cherry wood", "22, 28 and 32 cm", 2_600, 40),
    (2, "storage-jar", "Larder jar", "A stoneware jar with a cork lid for flour, oats or biscuits.", "Wide enough for a hand and a scoop. The cork is natural and can be replaced when it has had enough.", "Stoneware, cork", "18 cm tall, 1.6 l", 3_600, 26),
    (3, "moor-blanket", "Moor blanket", "A lambswool throw in a broad, quiet check.", "Woven on a narrow loom by a family mill that has done it for four generations. Airs rather than washes, and gets softer each winter.", "100 % lambswool", "140 × 190 cm", 12_900, 9),
    (3, "linen-napkins", "Linen napkins, set of four", "Stone-washed napkins with a mitred hem.", "They need no ironing and forgive red wine. Sold as a set of four in one colour.", "100 % European linen", "45 × 45 cm", 3_400, 33),
    (3, "kitchen-towel", "Waffle towel", "A thirsty linen and cotton towel with a hanging loop.", "The waffle weave dries glasses without fluff and dries itself by lunchtime.", "55 % linen, 45 % cotton", "50 × 70 cm", 1_600, 60),
    (3, "bracken-cushion", "Bracken cushion", "A plump cushion with a woven leaf pattern.", "The cover comes off with hidden buttons. Filled with wool from sheep that graze within sight of the workshop.", "Wool and linen, wool filling", "45 × 45 cm", 5_400, 17),
    (3, "bed-throw", "Washed bed throw", "A light linen throw for warm nights.", "Heavy enough to feel like a blanket, airy enough for August. Finished with a narrow fringe.", "100 % European linen", "180 × 240 cm", 14_900, 6),
    (4, "lantern-lamp", "Lantern lamp", "A small table lamp with a pleated linen shade.", "A warm pool of light for a shelf or a bedside. The switch sits on the base where a sleepy hand can find it.", "Stoneware base, linen shade", "34 cm tall, E14", 8_900, 11),
    (4, "dusk-pendant", "Dusk pendant", "A bell-shaped pendant, glazed inside to a soft gold.", "Hang one over a small table or three over a long one. Comes with two metres of woven cable.", "Stoneware, woven cable", "24 cm across, E27", 11_900, 8),
    (4, "beeswax-candles", "Beeswax candles, pair", "Two hand-dipped tapers that smell faintly of summer.", "Dipped thirty times and cooled in the yard. Each burns for about nine hours without dripping.", "Pure beeswax", "25 cm", 1_800, 54),
    (4, "storm-lantern", "Storm lantern", "A glass lantern for candles on a windy terrace.", "Thick glass, a brass cap and a handle you can carry with gloves on.", "Glass, brass", "28 cm tall", 6_400, 13),
    (5, "dew-can", "Dew watering can", "A long-spouted can for indoor plants and seedlings.", "The spout reaches the back of the shelf, and the rose unscrews when a fern wants more than a sprinkle.", "Galvanised steel, brass rose", "1.5 l", 4_200, 19),
    (5, "moss-planter", "Moss planter", "A footed planter with its own saucer.", "The clay breathes, so roots stay healthy. Frost-proof down to minus ten.", "Terracotta, slip", "20 cm across", 3_900, 24),
    (5, "hand-trowel", "Hand trowel", "A forged trowel with an ash handle, narrow enough for bulbs.", "One piece of carbon steel from tip to tang. Wipe it, oil it, hand it on.", "Carbon steel, ash", "31 cm", 2_900, 30),
    (5, "garden-twine", "Garden twine on a spool", "Jute twine on a beech spool that stands up by itself.", "Eighty metres of soft green twine that holds tomatoes and rots in the compost afterwards.", "Jute, beech", "80 m", 1_400, 48),
    (5, "bird-house", "Wren house", "A cedar nest box with a slate roof.", "The opening is the right size for wrens and tits and too small for trouble. Opens at the back for the yearly clean.", "Cedar, slate", "26 cm tall", 4_400, 3),
];

pub fn products() -> impl Iterator<Item = SeedProduct> {
    ROWS.into_iter().map(|row| {
        let (category, slug, name, summary, description, material, size, price_cents, stock) = row;
        SeedProduct { category, slug, name, summary, description, material, size, price_cents, stock }
    })
}
