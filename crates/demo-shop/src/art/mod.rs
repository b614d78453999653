//! The shop's pictures, drawn by code: a backdrop, a soft light, a shadow and a shape in the product's colours.

mod shapes;

/// Colours of one picture.
struct Palette {
    backdrop: &'static str,
    light: &'static str,
    base: &'static str,
    dark: &'static str,
    accent: &'static str,
}

const fn palette(
    backdrop: &'static str,
    light: &'static str,
    base: &'static str,
    dark: &'static str,
    accent: &'static str,
) -> Palette {
    Palette { backdrop, light, base, dark, accent }
}

const PEAT: Palette = palette("#e9ded2", "#f6efe6", "#5b4a40", "#3d3029", "#b5653a");
const TARN: Palette = palette("#d5e3e0", "#eaf3f0", "#d9c9b3", "#b39c80", "#3f8583");
const HEATHER: Palette = palette("#e3dde8", "#f2eef5", "#b9a5c6", "#8d769e", "#efe6d8");
const MOSS: Palette = palette("#dde3d0", "#eff3e6", "#6f8058", "#4d5c3b", "#d7b46a");
const CLAY: Palette = palette("#f0dccf", "#faeee6", "#c27a55", "#97573a", "#6f8058");
const WOOD: Palette = palette("#e8e2d4", "#f6f2e8", "#c99b66", "#9c7144", "#e0bd8d");
const SLATE: Palette = palette("#dbe0e5", "#eef1f4", "#71808c", "#4b5863", "#c99b66");
const HONEY: Palette = palette("#f1e5c8", "#fbf5e3", "#dfae4d", "#b5832b", "#f7ead0");
const DUSK: Palette = palette("#2f3a44", "#43515d", "#e9dfcc", "#b8a98d", "#f2c566");

/// The SVG of the product with this slug.
pub fn picture(slug: &str) -> Option<String> {
    let (colours, shape) = match slug {
        "peat-mug" => (PEAT, shapes::MUG),
        "tarn-bowl" => (TARN, shapes::BOWL),
        "heather-plate" => (HEATHER, shapes::PLATE),
        "curlew-jug" => (TARN, shapes::JUG),
        "drift-vase" => (SLATE, shapes::VASE),
        "ash-board" => (WOOD, shapes::BOARD),
        "ember-kettle" => (CLAY, shapes::KETTLE),
        "mortar-and-pestle" => (SLATE, shapes::MORTAR),
        "spoon-trio" => (WOOD, shapes::SPOONS),
        "storage-jar" => (PEAT, shapes::JAR),
        "moor-blanket" => (HEATHER, shapes::BLANKET),
        "linen-napkins" => (MOSS, shapes::NAPKINS),
        "kitchen-towel" => (TARN, shapes::TOWEL),
        "bracken-cushion" => (CLAY, shapes::CUSHION),
        "bed-throw" => (SLATE, shapes::BLANKET),
        "lantern-lamp" => (DUSK, shapes::LAMP),
        "dusk-pendant" => (DUSK, shapes::PENDANT),
        "beeswax-candles" => (HONEY, shapes::CANDLES),
        "storm-lantern" => (DUSK, shapes::LANTERN),
        "dew-can" => (SLATE, shapes::CAN),
        "moss-planter" => (CLAY, shapes::PLANTER),
        "hand-trowel" => (MOSS, shapes::TROWEL),
        "garden-twine" => (MOSS, shapes::TWINE),
        "bird-house" => (WOOD, shapes::BIRD_HOUSE),
        _ => return None,
    };
    Some(draw(&colours, shape))
}

fn draw(colours: &Palette, shape: &str) -> String {
    let shape = shape
        .replace("$base", colours.base)
        .replace("$dark", colours.dark)
        .replace("$accent", colours.accent)
        .replace("$light", colours.light);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 480" width="480" height="480">
<rect width="480" height="480" fill="{backdrop}"/>
<circle cx="250" cy="215" r="180" fill="{light}"/>
<rect y="372" width="480" height="108" fill="{dark}" opacity=".13"/>
{shape}
</svg>
"##,
        backdrop = colours.backdrop,
        light = colours.light,
        dark = colours.dark,
    )
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn colours_are_all_filled_in() {
        let svg = picture("peat-mug").unwrap();
        assert!(svg.starts_with("<svg ") && !svg.contains('$'));
        assert!(picture("no-such-thing").is_none());
    }
}
