//! stub
/// stub
#[derive(Clone, Debug)]
pub struct Expression(String);
impl Expression {
    /// text
    pub fn text(&self) -> &str {
        &self.0
    }
}
