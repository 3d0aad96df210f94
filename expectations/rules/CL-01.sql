-- Outstanding is not that of the quarter before + disbursed - repaid, to the dong. A loan of which the quarter before
-- tells nothing began with 0 if it was contracted within the quarter; any other is not judged, nor a row that lacks one
-- of the figures.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'outstanding' as column_name,
    b.outstanding as value,
    b.outstanding,
    start.previous,
    b.disbursed_in_period as disbursed,
    b.repaid_in_period as repaid,
    start.previous + b.disbursed_in_period - b.repaid_in_period as expected
from {batch} as b
left join accepted.credit_loan as before
    on
        b.sender_code = before.sender_code
        and b.loan_id = before.loan_id
        and b.period_start - 1 = before.period_end
cross join lateral (
    select
        case
            when before.loan_id is not null then before.outstanding
            when b.contracted_on between b.period_start and b.period_end then 0
        end as previous
) as start
where b.outstanding <> start.previous + b.disbursed_in_period - b.repaid_in_period
