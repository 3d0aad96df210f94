{{ config(key=['period_code', 'standard_code', 'commune_code']) }}

with held as (
    select distinct
        held_row.period_code,
        held_row.standard_code,
        place.commune_code
    from {{ ref('stg_household_review_held') }} as held_row
    inner join {{ ref('int_place__resolved') }} as place
        on
            held_row.commune_code = place.named_commune_code
            and held_row.period_end_on = place.named_on
            and held_row.period_end_on = place.placed_on
),

list_of_sender as (
    select
        submission_id,
        sender_code,
        standard_code,
        period_code,
        period_year
    from {{ ref('stg_submission') }}
    where dataset = 'household_review'
),

-- A list covers the communes that it names and, with none of their households on it, those of the sender's profile.
named as (
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        district_code,
        province_code,
        reporting_unit_code,
        sender_code,
        submission_id,
        true as has_household
    from {{ ref('int_household__reviewed') }}
    union
    select
        list_of_sender.period_code,
        list_of_sender.period_year,
        list_of_sender.standard_code,
        profile.commune_code,
        profile.district_code,
        profile.province_code,
        profile.reporting_unit_code,
        list_of_sender.sender_code,
        list_of_sender.submission_id,
        false
    from {{ ref('int_commune__profile') }} as profile
    inner join list_of_sender
        on
            profile.reporting_sender_code = list_of_sender.sender_code
            and profile.period_code = list_of_sender.period_code
    union
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        district_code,
        province_code,
        reporting_unit_code,
        sender_code,
        submission_id,
        false
    from {{ ref('int_household__off_list') }}
),

-- Of two lists that name a commune the one received last stands for both.
covered as (
    select distinct on (period_code, standard_code, commune_code)
        *,
        bool_or(has_household) over (partition by period_code, standard_code, commune_code) as is_listed
    from named
    order by period_code, standard_code, commune_code, submission_id desc
)

select
    covered.period_code,
    covered.review_year,
    covered.standard_code,
    covered.commune_code,
    covered.district_code,
    covered.province_code,
    covered.reporting_unit_code,
    -- no household left because all were held is not the same as no poor household
    covered.is_listed or held.commune_code is null as is_known,
    held.commune_code is not null as has_held_row,
    covered.sender_code,
    covered.submission_id
from covered
left join held using (period_code, standard_code, commune_code)
