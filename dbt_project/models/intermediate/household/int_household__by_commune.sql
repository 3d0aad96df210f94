with counted as (
    select
        period_code,
        review_year,
        standard_code,
        commune_code,
        count(*) filter (where class_code = 'poor') as poor_count,
        count(*) filter (where class_code = 'near_poor') as near_poor_count,
        -- what a report does not tell of every poor household is not known of the commune
        {{ sum_if_all_known('is_ethnic_minority::integer', "class_code = 'poor'") }} as ethnic_minority_poor_count,
        {{ sum_if_all_known('is_merit_family::integer', "class_code = 'poor'") }} as merit_poor_count,
        {{ sum_if_all_known('has_temporary_house::integer', "class_code = 'poor'") }} as temporary_house_poor_count,
        {{ sum_if_all_known('member_count', "class_code = 'poor'") }} as poor_member_count,
        {{ sum_if_all_known('income_per_capita_vnd * member_count', "class_code = 'poor'") }} as poor_income_vnd,
        count(*) filter (where class_code = 'poor' and deprivation_codes is null) as poor_untold_deprivations_count,
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
    held.commune_code is not null as has_held_row,
    coalesce(counted.poor_count, 0) as poor_count,
    coalesce(counted.near_poor_count, 0) as near_poor_count,
    case when counted.commune_code is null then 0 else counted.ethnic_minority_poor_count end
        as ethnic_minority_poor_count,
    case when counted.commune_code is null then 0 else counted.merit_poor_count end as merit_poor_count,
    case when counted.commune_code is null then 0 else counted.temporary_house_poor_count end
        as temporary_house_poor_count,
    case when counted.commune_code is null then 0 else counted.poor_member_count end as poor_member_count,
    case when counted.commune_code is null then 0 else counted.poor_income_vnd end as poor_income_vnd,
    coalesce(counted.poor_untold_deprivations_count, 0) as poor_untold_deprivations_count,
    coalesce(counted.poor_at_start_count, 0) + coalesce(off_list.poor_at_start_count, 0) as poor_at_start_count,
    coalesce(counted.escaped_count, 0) as escaped_count,
    coalesce(counted.relapsed_count, 0) as relapsed_count
from covered
left join counted using (period_code, review_year, standard_code, commune_code)
left join off_list using (period_code, standard_code, commune_code)
left join held using (period_code, standard_code, commune_code)
