//! stub
/// stub
#[derive(Debug)]
pub struct Expression(String);
/// stub
#[derive(Clone, Debug)]
pub struct JsonataError {
    /// stub
    pub position: Option<usize>,
    /// stub
    pub message: String,
}
impl Expression {
    /// stub
    pub fn parse(text: &str) -> Result<Self, JsonataError> {
        Ok(Self(text.to_owned()))
    }
    /// text
    pub fn text(&self) -> &str {
        &self.0
    }
}
