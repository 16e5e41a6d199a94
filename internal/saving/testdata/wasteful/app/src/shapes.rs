//! Types whose derived Debug costs more than the rest of them.

#[derive(Debug, Clone, Default)]
pub struct Triangle {
    pub side_of_the_triangle: usize,
    pub corner_of_the_triangle: [u16; 2],
    pub filled_of_the_triangle: Option<bool>,
    pub title_of_the_triangle: String,
    pub points_of_the_triangle: Vec<u32>,
    pub mark_of_the_triangle: char,
    pub weight_of_the_triangle: (u8, i64),
    pub comment_of_the_triangle: Box<str>,
}

#[derive(Debug, Clone, Default)]
pub struct Square {
    pub corner_of_the_square: [u16; 2],
    pub filled_of_the_square: Option<bool>,
    pub title_of_the_square: String,
    pub points_of_the_square: Vec<u32>,
    pub mark_of_the_square: char,
    pub weight_of_the_square: (u8, i64),
    pub comment_of_the_square: Box<str>,
    pub side_of_the_square: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Pentagon {
    pub filled_of_the_pentagon: Option<bool>,
    pub title_of_the_pentagon: String,
    pub points_of_the_pentagon: Vec<u32>,
    pub mark_of_the_pentagon: char,
    pub weight_of_the_pentagon: (u8, i64),
    pub comment_of_the_pentagon: Box<str>,
    pub side_of_the_pentagon: usize,
    pub corner_of_the_pentagon: [u16; 2],
}

#[derive(Debug, Clone, Default)]
pub struct Hexagon {
    pub title_of_the_hexagon: String,
    pub points_of_the_hexagon: Vec<u32>,
    pub mark_of_the_hexagon: char,
    pub weight_of_the_hexagon: (u8, i64),
    pub comment_of_the_hexagon: Box<str>,
    pub side_of_the_hexagon: usize,
    pub corner_of_the_hexagon: [u16; 2],
    pub filled_of_the_hexagon: Option<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct Heptagon {
    pub points_of_the_heptagon: Vec<u32>,
    pub mark_of_the_heptagon: char,
    pub weight_of_the_heptagon: (u8, i64),
    pub comment_of_the_heptagon: Box<str>,
    pub side_of_the_heptagon: usize,
    pub corner_of_the_heptagon: [u16; 2],
    pub filled_of_the_heptagon: Option<bool>,
    pub title_of_the_heptagon: String,
}

#[derive(Debug, Clone, Default)]
pub struct Octagon {
    pub mark_of_the_octagon: char,
    pub weight_of_the_octagon: (u8, i64),
    pub comment_of_the_octagon: Box<str>,
    pub side_of_the_octagon: usize,
    pub corner_of_the_octagon: [u16; 2],
    pub filled_of_the_octagon: Option<bool>,
    pub title_of_the_octagon: String,
    pub points_of_the_octagon: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
pub struct Scene {
    pub triangles: Vec<Triangle>,
    pub squares: Vec<Square>,
    pub pentagons: Vec<Pentagon>,
    pub hexagons: Vec<Hexagon>,
    pub heptagons: Vec<Heptagon>,
    pub octagons: Vec<Octagon>,
}

impl Scene {
    pub fn of(n: usize) -> Scene {
        Scene {
            triangles: vec![Default::default(); n % 2],
            squares: vec![Default::default(); n % 3],
            pentagons: vec![Default::default(); n % 4],
            hexagons: vec![Default::default(); n % 5],
            heptagons: vec![Default::default(); n % 6],
            octagons: vec![Default::default(); n % 7],
        }
    }
}
