-- The class of the household in force on the day of the contract does not open the credit programme to it. In force is
-- the class of that year's review and, until it is accepted, of the last one before; of a year under two standards,
-- that of the earlier (as intermediate.int_household__version has it). Where the bank gives no household, it is the one
-- that the borrower's national id headed in the last year in which it headed one and no other (as int_credit__loan).
-- Not judged: a loan of no known household, or of one in no review so far.
with head as (
    select
        head_national_id,
        household_code,
        period_end,
        max(period_end) over (partition by head_national_id) as last_period_end
    from accepted.household_review
    where
        head_national_id in (
            select d.borrower_national_id
            from {batch} as d
            where d.household_code is null
        )
),

household_of_head as (
    select
        head_national_id,
        min(household_code) as household_code
    from head
    where period_end = last_period_end
    group by head_national_id
    having count(distinct household_code) = 1
),

loan as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.credit_programme_code,
        b.contracted_on,
        extract(year from b.contracted_on) as contract_year,
        coalesce(b.household_code, household_of_head.household_code) as household_code
    from {batch} as b
    left join household_of_head
        on
            b.borrower_national_id = household_of_head.head_national_id
            and b.household_code is null
            and ('household_code' = any(b.unread_columns)) is not true
),

class_in_year as (
    select distinct on (wanted.household_code, wanted.contract_year)
        wanted.household_code,
        wanted.contract_year,
        review.class_reported as class_code
    from (
        select distinct
            household_code,
            contract_year
        from loan
    ) as wanted
    inner join accepted.household_review as review
        on
            wanted.household_code = review.household_code
            and wanted.contract_year >= extract(year from review.period_end)
    order by
        wanted.household_code,
        wanted.contract_year,
        review.period_end desc,
        review.standard_code,
        review.submission_id desc,
        review.row_number
)

select
    loan.submission_id,
    loan.sheet_name,
    loan.row_number,
    'credit_programme_code' as column_name,
    loan.credit_programme_code as value,
    loan.household_code,
    case class_in_year.class_code
        when 'poor' then 'Hộ nghèo'
        when 'near_poor' then 'Hộ cận nghèo'
        else 'Hộ không nghèo'
    end as class_name_vi,
    case class_in_year.class_code
        when 'poor' then 'poor'
        when 'near_poor' then 'near-poor'
        else 'not poor'
    end as class_name_en,
    loan.contracted_on as day,
    programme.name_vi as programme_vi,
    programme.name_en as programme_en
from loan
inner join class_in_year
    on
        loan.household_code = class_in_year.household_code
        and loan.contract_year = class_in_year.contract_year
inner join reference.credit_programme as programme on loan.credit_programme_code = programme.code
where class_in_year.class_code <> all(string_to_array(programme.for_class, '|'))
