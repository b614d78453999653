//! PayPal's issues, in the words of its published documents. An issue that stands in no document says so in a comment.

/// What PayPal says to an issue.
pub fn words(issue: &str) -> &'static str {
    checkout(issue)
        .or_else(|| payments(issue))
        .or_else(|| shape(issue))
        .unwrap_or("The request cannot be done.")
}

fn shape(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "CANNOT_BE_NEGATIVE" => {
            "Must be greater than or equal to 0. If the currency supports decimals, only two decimal place precision is supported."
        }
        "CANNOT_BE_ZERO_OR_NEGATIVE" => {
            "Must be greater than zero. If the currency supports decimals, only two decimal place precision is supported."
        }
        "DECIMAL_PRECISION" => {
            "If the currency supports decimals, only two decimal place precision is supported."
        }
        "INVALID_ARRAY_MAX_ITEMS" => "The number of items in an array parameter is too large.",
        "INVALID_ARRAY_MIN_ITEMS" => "The number of items in an array parameter is too small.",
        "INVALID_CURRENCY_CODE" => {
            "Currency code is invalid or is not currently supported. Please refer \
             https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes."
        }
        "INVALID_PARAMETER_SYNTAX" => "The value of a field does not conform to the expected format.",
        "INVALID_PARAMETER_VALUE" => "The value of a field is invalid.",
        "INVALID_RESOURCE_ID" => {
            "Specified resource ID does not exist. Please check the resource ID and try again."
        }
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long.",
        "MALFORMED_REQUEST_JSON" => "The request JSON is not well formed.",
        "MAX_VALUE_EXCEEDED" => "Should be less than or equal to 999999999999999.99.",
        "MISSING_REQUIRED_PARAMETER" => "A required field / parameter is missing.",
        "PREVIOUS_REQUEST_IN_PROGRESS" => {
            "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best to \
             space out the initial and the subsequent request(s) to avoid receiving this error."
        }
        // In no document.
        "WEBHOOK_NUMBER_LIMIT_EXCEEDED" => "Webhook number limit exceeded.",
        "WEBHOOK_URL_ALREADY_EXISTS" => "Webhook URL already exists.",
        "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE" => "The dispute does not wait for the seller.",
        "TOKEN_NOT_APPROVED" => "Payer has not yet approved the setup token.",
        _ => return None,
    })
}

fn checkout(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "ACTION_DOES_NOT_MATCH_INTENT" => {
            "Order was created with an intent to 'CAPTURE'. Please use v2/checkout/orders/order_id/capture to complete the \
             transaction or alternately Create an order with an intent of 'AUTHORIZE'."
        }
        "AMOUNT_MISMATCH" => {
            "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount."
        }
        "DUPLICATE_REFERENCE_ID" => "`reference_id` must be unique if multiple `purchase_unit` are provided.",
        "FIELD_NOT_PATCHABLE" => "Field cannot be patched.",
        // With two spaces, as it is published.
        "INSTRUMENT_DECLINED" => {
            "The instrument presented  was either declined by the processor or bank, or it can't be used for this payment."
        }
        "INVALID_PATCH_OPERATION" => {
            "The operation cannot be honored. Cannot add a property that's already present, use replace. Cannot remove a property \
             thats not present, use add. Cannot replace a property thats not present, use add."
        }
        "ITEM_TOTAL_MISMATCH" => {
            "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit."
        }
        "ITEM_TOTAL_REQUIRED" => {
            "If item details are specified (items.unit_amount and items.quantity) corresponding amount.breakdown.item_total is \
             required."
        }
        "MULTI_CURRENCY_ORDER" => {
            "Multiple differing values of currency_code are not supported. Entire Order request must have the same currency_code."
        }
        "ORDER_ALREADY_AUTHORIZED" => {
            "Order already authorized.If 'intent=AUTHORIZE' only one authorization per order is allowed."
        }
        "ORDER_ALREADY_CAPTURED" => {
            "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed."
        }
        "ORDER_ALREADY_COMPLETED" => "The order cannot be patched after it is completed.",
        "ORDER_NOT_APPROVED" => {
            "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url returned as \
             part of the HATEOAS links within the Create Order call or provide a valid `payment_source` in the request."
        }
        "PAYPAL_REQUEST_ID_REQUIRED" => {
            "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please specify a PayPal-Request-Id \
             or Create the Order without a 'payment_source' specified."
        }
        "PAYMENT_SOURCE_CANNOT_BE_USED" => {
            "The provided payment source cannot be used to pay for the order. Please try again with a different payment source by \
             creating a new order."
        }
        "REFERENCE_ID_REQUIRED" => {
            "'reference_id' is required for each 'purchase_unit' if multiple 'purchase_unit' are provided."
        }
        "UNSUPPORTED_INTENT" => {
            "`intent=AUTHORIZE` is not supported for multiple purchase units. Only `intent=CAPTURE` is supported."
        }
        _ => return None,
    })
}

fn payments(issue: &str) -> Option<&'static str> {
    Some(match issue {
        "AUTHORIZATION_ALREADY_CAPTURED" => "Authorization has previously been captured.",
        "AUTHORIZATION_DENIED" => "An denied authorization cannot be captured.",
        "AUTHORIZATION_EXPIRED" => "An expired authorization cannot be captured.",
        "AUTHORIZATION_VOIDED" => "A voided authorization cannot be captured or reauthorized. ",
        "AUTH_CAPTURE_CURRENCY_MISMATCH" => {
            "Currency of capture must be the same as currency of authorization."
        }
        "AUTH_CURRENCY_MISMATCH" => {
            "The currency specified during reauthorization should be the same as the currency specified in the original \
             authorization. Please check the currency of the authorization for which you are trying to reauthorize and try again."
        }
        "CANNOT_BE_VOIDED" => {
            "A reauthorization cannot be voided. Please void the original parent authorization."
        }
        "CAPTURE_FULLY_REFUNDED" => "The capture has already been fully refunded",
        "MAX_CAPTURE_AMOUNT_EXCEEDED" => {
            "Capture amount exceeds allowable limit. Please contact customer service or your account manager to request the change \
             to your overage limit. The default overage limit is 115%, which allows the sum of all captures to be up to 115% of \
             the order amount. The ability to over capture is subjected to regulatory approvals."
        }
        "PENDING_CAPTURE" => {
            "Cannot initiate a refund as the capture is pending. Capture is typically pending when the payer has funded the \
             transaction using e-check/bank funded."
        }
        "PREVIOUSLY_CAPTURED" => "Authorization has been previously captured and hence cannot be voided.",
        "PREVIOUSLY_VOIDED" => "Authorization has been previously voided and hence cannot be voided again.",
        "REAUTHORIZATION_NOT_SUPPORTED" => {
            "A reauthorize cannot be attempted on an authorization_id that is the result of a prior reauthorization or on an \
             authorization made on an Order saved using the `v2/orders/id/save` API."
        }
        "REFUND_AMOUNT_EXCEEDED" => {
            "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
        }
        "REFUND_CAPTURE_CURRENCY_MISMATCH" => "Refund must be in the same currency as the capture",
        "REFUND_NOT_ALLOWED" => "Capture cannot be refunded.",
        "REFUND_TIME_LIMIT_EXCEEDED" => "You are over the time limit to perform a refund on this capture",
        "TRANSACTION_DISPUTED" => {
            "Partial refunds cannot be offered at this time because there is an open case on this transaction. Visit the PayPal \
             Resolution Center to review this case."
        }
        _ => return None,
    })
}
