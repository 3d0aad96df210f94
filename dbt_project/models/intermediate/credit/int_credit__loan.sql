{{ config(
    key=['submission_id', 'sheet_name', 'row_number'],
    slice_by=['sender_code', 'loan_id'],
    touched_by={
        'stg_credit_loan': ['sender_code', 'loan_id'],
        'int_place__resolved': none,
    }
) }}

with loan as (
    select
        loan.*,
        {{ keyed_hash('loan.borrower_national_id') }} as borrower_person_key
    from {{ ref('stg_credit_loan') }} as loan -- slice: where loan_id in (select loan_id from touched_slice)
),

-- The household of a borrower's national id, in the last year in which it heads one household and no other.
head as (
    select distinct
        head_person_key,
        household_code,
        review_year,
        max(review_year) over (partition by head_person_key) as last_review_year
    from {{ ref('int_household__classified') }}
    where head_person_key in (select loan.borrower_person_key from loan)
),

household_of_head as (
    select
        head_person_key,
        min(household_code) as household_code
    from head
    where review_year = last_review_year
    group by head_person_key
    having count(distinct household_code) = 1
),

with_household as (
    select
        loan.*,
        coalesce(loan.household_code, household_of_head.household_code) as borrower_household_code
    from loan
    left join household_of_head on loan.borrower_person_key = household_of_head.head_person_key
)

select
    loan.submission_id,
    loan.sheet_name,
    loan.row_number,
    loan.sender_code,
    loan.period_code,
    loan.period_end_on,
    loan.period_year,
    loan.loan_id,
    loan.credit_programme_code,
    loan.borrower_household_code as household_code,
    loan.borrower_person_key,
    coalesce(known.household_id, loan.borrower_household_code) as household_id,
    loan.association_code,
    loan.contracted_on,
    loan.due_on,
    loan.term_months,
    loan.annual_rate,
    loan.funding_source_code,
    loan.disbursed_vnd,
    loan.repaid_vnd,
    loan.outstanding_in_term_vnd,
    loan.overdue_vnd,
    loan.frozen_vnd,
    loan.outstanding_vnd,
    register.household_key,
    register.class_code,
    place.admin_unit_key,
    coalesce(place.commune_code, loan.commune_code) as commune_code,
    place.district_code,
    place.province_code,
    place.reporting_unit_code
from with_household as loan
left join {{ ref('int_household__identity') }} as known on loan.borrower_household_code = known.household_code
left join {{ ref('int_household__version') }} as register
    on {{ version_in_year('register', 'known.household_id', 'loan.period_year') }}
left join {{ ref('int_place__resolved') }} as place
    on
        loan.commune_code = place.named_commune_code
        and loan.period_end_on = place.named_on
        and loan.period_end_on = place.placed_on
