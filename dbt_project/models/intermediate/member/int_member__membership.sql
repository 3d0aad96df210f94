{{ config(
    key=['person_key', 'valid_from_year'],
    slice_by=['person_key'],
    touched_by={
        'int_member__person': ['person_key'],
    }
) }}

with attended as (
    select
        person.person_key,
        person.review_year,
        person.household_id,
        person.household_code,
        person.person_no,
        person.relation_to_head_code,
        household_year.next_list_year,
        lead(person.review_year) over years as next_person_year,
        lag(person.review_year) over years is null
        or person.household_code <> lag(person.household_code) over years
        or person.person_no <> lag(person.person_no) over years
        or person.relation_to_head_code <> lag(person.relation_to_head_code) over years
        or lag(household_year.next_list_year) over years < person.review_year as begins
    from {{ ref('int_member__person') }} as person -- slice: person_key
    inner join {{ ref('int_member__list_year') }} as household_year
        on
            person.household_id = household_year.household_id
            and person.review_year = household_year.review_year
    window years as (partition by person.person_key order by person.review_year)
),

run as (
    select
        *,
        count(*) filter (where begins) over (partition by person_key order by review_year) as run_number
    from attended
),

-- It ends before the person is listed elsewhere, or before the household's first list without the person.
ended as (
    select distinct on (person_key, run_number)
        person_key,
        run_number,
        least(next_person_year, next_list_year) - 1 as valid_to_year
    from run
    order by person_key, run_number, review_year desc
)

select
    run.person_key,
    run.household_id,
    run.household_code,
    run.person_no,
    run.relation_to_head_code,
    run.review_year as valid_from_year,
    ended.valid_to_year,
    ended.valid_to_year is null as is_current
from run
inner join ended
    on
        run.person_key = ended.person_key
        and run.run_number = ended.run_number
where run.begins
