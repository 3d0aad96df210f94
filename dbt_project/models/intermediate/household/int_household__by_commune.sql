with counted as (
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        count(*) filter (where class_code = 'poor') as poor_count,
        count(*) filter (where class_code = 'near_poor') as near_poor_count,
        count(*) filter (where class_code = 'poor' and is_ethnic_minority) as ethnic_minority_poor_count,
        count(*) filter (where class_code = 'poor' and is_merit_family) as merit_poor_count,
        count(*) filter (where class_code = 'poor' and has_temporary_house) as temporary_house_poor_count,
        coalesce(sum(member_count) filter (where class_code = 'poor'), 0) as poor_member_count,
        coalesce(sum(income_per_capita_vnd * member_count) filter (where class_code = 'poor'), 0) as poor_income_vnd,
        count(*) filter (where previous_class_code = 'poor') as poor_at_start_count,
        count(*) filter (where previous_class_code = 'poor' and class_code <> 'poor') as escaped_count,
        count(*) filter (where movement_code = 'poor_relapsed') as relapsed_count
    from {{ ref('int_household__reviewed') }}
    group by period_code, review_year, standard_code, commune_code
),

off_list as (
    select
        period_code,
        standard_code,
        commune_code,
        count(*) filter (where previous_class_code = 'poor') as poor_at_start_count
    from {{ ref('int_household__off_list') }}
    group by period_code, standard_code, commune_code
),

held as (
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
    select distinct
        sender_code,
        standard_code,
        period_code,
        period_year
    from {{ ref('stg_submission') }}
    where dataset = 'household_review'
),

-- A list covers the communes that it names and, with none of their households on it, those of the sender's profile.
covered as (
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        district_code,
        province_code,
        reporting_unit_code
    from {{ ref('int_household__reviewed') }}
    union
    select
        list_of_sender.period_code,
        list_of_sender.period_year,
        list_of_sender.standard_code,
        profile.commune_code,
        profile.district_code,
        profile.province_code,
        profile.reporting_unit_code
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
        reporting_unit_code
    from {{ ref('int_household__off_list') }}
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
    counted.commune_code is not null or held.commune_code is null as is_known,
    coalesce(counted.poor_count, 0) as poor_count,
    coalesce(counted.near_poor_count, 0) as near_poor_count,
    coalesce(counted.ethnic_minority_poor_count, 0) as ethnic_minority_poor_count,
    coalesce(counted.merit_poor_count, 0) as merit_poor_count,
    coalesce(counted.temporary_house_poor_count, 0) as temporary_house_poor_count,
    coalesce(counted.poor_member_count, 0) as poor_member_count,
    coalesce(counted.poor_income_vnd, 0) as poor_income_vnd,
    coalesce(counted.poor_at_start_count, 0) + coalesce(off_list.poor_at_start_count, 0) as poor_at_start_count,
    coalesce(counted.escaped_count, 0) as escaped_count,
    coalesce(counted.relapsed_count, 0) as relapsed_count
from covered
left join counted using (period_code, review_year, standard_code, commune_code)
left join off_list using (period_code, standard_code, commune_code)
left join held using (period_code, standard_code, commune_code)
