use tidegate_guest::{Event, Verdict, filter};

/// Lets orders through, and nothing else.
#[filter]
fn minimal(event: &Event) -> Verdict {
    if event.ty().starts_with("com.acme.order") { Verdict::Keep } else { Verdict::drop("not an order") }
}

#[cfg(test)]
mod tests {
    use tidegate_guest::testing::event;

    use super::*;

    #[test]
    fn only_orders_go_on() {
        assert_eq!(minimal(&event().ty("com.acme.order.placed").build()), Verdict::Keep);
        assert_eq!(minimal(&event().ty("com.acme.cart.filled").build()), Verdict::drop("not an order"));
    }
}
