-- Outstanding is not that of the quarter before + disbursed - repaid, to the dong. A loan of which the quarter before
-- tells nothing began with 0 if it was contracted within the quarter; any other is not judged, nor a row that lacks one
-- of the figures.
with loan as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.outstanding,
        b.disbursed_in_period,
        b.repaid_in_period,
        case
            when earlier.loan_id is not null then earlier.outstanding
            when b.contracted_on between b.period_start and b.period_end then 0
        end as previous
    from {batch} as b
    left join accepted.credit_loan as earlier
        on
            b.sender_code = earlier.sender_code
            and b.loan_id = earlier.loan_id
            and b.period_start - 1 = earlier.period_end
)

select
    submission_id,
    sheet_name,
    row_number,
    'outstanding' as column_name,
    outstanding as value,
    outstanding,
    previous,
    disbursed_in_period as disbursed,
    repaid_in_period as repaid,
    previous + disbursed_in_period - repaid_in_period as expected
from loan
where outstanding <> previous + disbursed_in_period - repaid_in_period
