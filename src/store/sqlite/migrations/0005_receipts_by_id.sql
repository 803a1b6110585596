-- Each reader paid for an index that only the sweeper used, once a receipt. Ids begin with the second of creation: old receipts are found in
-- that order.
DROP INDEX receipt_by_end;
