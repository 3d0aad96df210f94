-- A loan's contract is as its last statement has it; in a year under two standards the earlier one is in force.
with loan as (
    select distinct on (loan_id)
        loan_id,
        sender_code,
        credit_programme_code,
        household_code,
        contracted_on,
        due_on,
        term_months,
        annual_rate,
        extract(year from contracted_on)::integer as contract_year,
        first_value(period_code) over statement_of_loan as first_period_code,
        period_code as last_period_code,
        max(greatest(outstanding_vnd, disbursed_vnd)) over (partition by loan_id) as highest_vnd
    from {{ ref('int_credit__loan') }}
    window statement_of_loan as (partition by loan_id order by period_end_on)
    order by loan_id asc, period_end_on desc
),

escape as (
    select
        loan.loan_id,
        max(review.review_year) as escaped_year
    from loan
    inner join {{ ref('int_household__identity') }} as known on loan.household_code = known.household_code
    inner join {{ ref('int_household__reviewed') }} as review
        on
            known.household_id = review.household_id
            and loan.contract_year >= review.review_year
    where
        review.class_code = 'not_poor'
        and review.previous_class_code in ('poor', 'near_poor')
    group by loan.loan_id
),

on_the_day as (
    select
        loan.*,
        register.class_code as contract_class_code,
        escape.escaped_year,
        ceiling.ceiling_vnd,
        rate.annual_rate_percent as legal_annual_rate,
        string_to_array(programme.for_class, '|') as class_codes,
        programme.years_since_escape,
        {{ in_force('programme', 'loan.contracted_on') }} as is_programme_in_force
    from loan
    inner join {{ ref('credit_programme') }} as programme on loan.credit_programme_code = programme.code
    left join {{ ref('int_household__identity') }} as known on loan.household_code = known.household_code
    left join {{ ref('int_household__version') }} as register
        on {{ version_in_year('register', 'known.household_id', 'loan.contract_year') }}
    left join escape on loan.loan_id = escape.loan_id
    left join {{ ref('credit_ceiling') }} as ceiling
        on
            loan.credit_programme_code = ceiling.credit_programme_code
            and {{ in_force('ceiling', 'loan.contracted_on') }}
    left join {{ ref('credit_rate') }} as rate
        on
            loan.credit_programme_code = rate.credit_programme_code
            and {{ in_force('rate', 'loan.contracted_on') }}
)

select
    loan_id,
    credit_programme_code,
    household_code,
    contracted_on,
    due_on,
    term_months,
    annual_rate,
    contract_class_code,
    escaped_year,
    case
        when not is_programme_in_force then false
        when class_codes @> '{poor,near_poor,not_poor}' then true
        when contract_class_code is null then null
        when contract_class_code <> all(class_codes) then false
        when years_since_escape is null then true
        when escaped_year is not null then contract_year <= escaped_year + years_since_escape
    end as is_eligible,
    highest_vnd,
    ceiling_vnd,
    highest_vnd <= ceiling_vnd as is_within_ceiling,
    legal_annual_rate,
    annual_rate = legal_annual_rate as is_at_legal_rate,
    first_period_code,
    last_period_code,
    sender_code
from on_the_day
